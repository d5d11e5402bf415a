package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensors;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model that was written is the model that is read: bits, head, pooling, tokenizer. */
class ModelFolderTest {
  private static final String CARD = "# A model\n\nÅngström, 東京.\n";
  private static final String PRUNED = "encoder.layer.1.output.dense.weight";

  @TempDir private Path temporary;

  static Stream<Arguments> models() {
    final List<Optional<Head>> heads =
        List.of(
            Optional.empty(),
            Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("no", "yes"))),
            Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("10", "9", "a, b", "\"é\\"))),
            Optional.of(new Head(Head.Kind.MULTI_LABEL, List.of("red", "green", "blue"))),
            Optional.of(new Head(Head.Kind.REGRESSION, List.of("score"))));
    return heads.stream()
        .flatMap(
            head ->
                Stream.of(Pooling.values())
                    .flatMap(
                        pooling ->
                            Stream.of(
                                Arguments.of(head, pooling, false, 12),
                                Arguments.of(head, pooling, true, 29))));
  }

  @ParameterizedTest
  @MethodSource("models")
  void aDenseFolderIsReadByEveryReader(
      Optional<Head> head, Pooling pooling, boolean normalize, int maxLength) {
    final Checkpoint model = TinyBert.of(head, pooling, normalize, maxLength);
    ModelFolder.write(temporary, model, ModelFolder.dense(model.parameters()), CARD);
    assertSame(model, ModelFolder.open(temporary.toString(), Models.Options.DEFAULT));
    assertSame(model, HuggingFaceFolder.read(temporary, Progress.NONE));
  }

  @ParameterizedTest
  @MethodSource("models")
  void aPackedFolderIsRestored(
      Optional<Head> head, Pooling pooling, boolean normalize, int maxLength) {
    final Checkpoint model = TinyBert.of(head, pooling, normalize, maxLength);
    final CompressedModel packed = pruned(model);
    ModelFolder.write(temporary, model, packed, CARD);
    assertTrue(ModelFolder.isPacked(temporary));
    final Map<String, INDArray> expected = new LinkedHashMap<>(model.parameters());
    expected.put(PRUNED, packed.tensors().get(PRUNED).dense());
    final Checkpoint read = ModelFolder.open(temporary.toString(), Models.Options.DEFAULT);
    assertSame(with(model, expected), read);
    assertFalse(
        Arrays.equals(
            Floats.toArray(model.parameters().get(PRUNED)),
            Floats.toArray(read.parameters().get(PRUNED))),
        "nothing was pruned");
  }

  @Test
  void theSentenceEncoderOfAnotherLibraryComesBack() {
    final Checkpoint model = TinyBert.sentenceEncoder();
    assertEquals(Pooling.MEAN, model.pooling());
    assertTrue(model.normalize());
    assertEquals(12, model.maxLength());
    ModelFolder.write(temporary, model, ModelFolder.dense(model.parameters()), CARD);
    for (String file :
        List.of("modules.json", "sentence_bert_config.json", "1_Pooling/config.json")) {
      assertTrue(Files.isRegularFile(temporary.resolve(file)), file);
    }
    assertSame(model, HuggingFaceFolder.read(temporary, Progress.NONE));
  }

  @Test
  void equalModelsGiveEqualBytesAndNothingElseIsWritten() throws IOException {
    final Checkpoint model =
        TinyBert.of(
            Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("no", "yes"))),
            Pooling.POOLER,
            false,
            12);
    final Path one = Files.createDirectories(temporary.resolve("one"));
    final Path two = Files.createDirectories(temporary.resolve("two"));
    ModelFolder.write(one, model, pruned(model), CARD);
    ModelFolder.copy(two, model, one.resolve(ModelFolder.WEIGHTS), CARD);
    final List<String> files = list(one);
    assertEquals(List.of("README.md", "config.json", "model.safetensors", "tokenizer.json"), files);
    assertEquals(files, list(two));
    for (String file : files) {
      assertEquals(-1, Files.mismatch(one.resolve(file), two.resolve(file)), file);
    }
    assertEquals(CARD, Files.readString(one.resolve(ModelFolder.CARD)));
  }

  private static List<String> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void damageIsAnErrorThatNamesTheFile() throws IOException {
    final Checkpoint model = TinyBert.sentenceEncoder();
    ModelFolder.write(temporary, model, pruned(model), CARD);
    final Path weights = temporary.resolve(ModelFolder.WEIGHTS);
    final byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length - 1));
    assertRefused(weights.toString());
    Files.write(weights, bytes);
    Files.delete(temporary.resolve("config.json"));
    assertRefused("config.json");
  }

  private void assertRefused(String fragment) {
    final BantamException refusal =
        assertThrows(
            BantamException.class,
            () -> ModelFolder.open(temporary.toString(), Models.Options.DEFAULT));
    assertEquals(ExitCode.BAD_INPUT, refusal.exitCode());
    assertTrue(refusal.getMessage().contains(fragment), refusal.getMessage());
  }

  /** Weights and configuration of different models are told apart by their shapes. */
  @Test
  void aConfigurationThatDoesNotFitTheWeightsIsRefused() throws IOException {
    final Checkpoint model = TinyBert.sentenceEncoder();
    ModelFolder.write(temporary, model, pruned(model), CARD);
    final Path config = temporary.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replaceAll("\"intermediate_size\" : [0-9]+", "\"intermediate_size\" : 20"));
    assertRefused("encoder.layer.0.intermediate.dense.weight");
  }

  /** Four fifths of one matrix set to zero. */
  private static CompressedModel pruned(Checkpoint model) {
    final Map<String, CompressedTensor> tensors =
        new LinkedHashMap<>(ModelFolder.dense(model.parameters()).tensors());
    final INDArray dense = model.parameters().get(PRUNED);
    final float[] values = Floats.toArray(dense);
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 5 == 0 ? values[i] : 0;
    }
    tensors.put(
        PRUNED,
        CompressedTensors.cheapestSparse(
            Floats.tensor(values, dense.shape()), SafetensorsType.F32));
    return new CompressedModel(tensors);
  }

  private static Checkpoint with(Checkpoint model, Map<String, INDArray> weights) {
    return new Checkpoint(
        model.name(),
        model.architecture(),
        model.head(),
        model.pooling(),
        model.normalize(),
        model.maxLength(),
        weights,
        model.tokenizer(),
        model.signature(),
        model.provenance());
  }

  private static void assertSame(Checkpoint expected, Checkpoint found) {
    assertEquals(expected.architecture(), found.architecture());
    assertEquals(expected.head(), found.head());
    assertEquals(expected.pooling(), found.pooling());
    assertEquals(expected.normalize(), found.normalize());
    assertEquals(expected.maxLength(), found.maxLength());
    assertEquals(
        List.copyOf(expected.parameters().keySet()), List.copyOf(found.parameters().keySet()));
    assertFalse(expected.parameters().isEmpty());
    expected
        .parameters()
        .forEach(
            (name, tensor) ->
                assertArrayEquals(
                    Floats.toArray(tensor), Floats.toArray(found.parameters().get(name)), name));
    assertArrayEquals(
        expected.tokenizer().orElseThrow().file(), found.tokenizer().orElseThrow().file());
    assertEquals(64, found.provenance().sha256().length());
  }
}

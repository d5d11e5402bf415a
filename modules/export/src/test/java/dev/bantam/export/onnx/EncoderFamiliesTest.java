package dev.bantam.export.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Architecture.Embeddings;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Architecture.NormPlacement;
import dev.bantam.checkpoint.Architecture.PoolerActivation;
import dev.bantam.checkpoint.Architecture.PositionScheme;
import dev.bantam.checkpoint.Architecture.RelativeBias;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.Signature;
import dev.bantam.compression.BitmaskTensor;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Exports of encoders other than BERT: ONNX files against ONNX Runtime, folders read back. */
class EncoderFamiliesTest {
  private static final Workers WORKERS = new Workers(2);
  private static final int VOCABULARY = 97;

  @TempDir private Path folder;

  @AfterAll
  static void close() {
    WORKERS.close();
  }

  /** One architecture of each family, and the names of a matrix and of the dense head in files. */
  enum Family {
    DISTILBERT(
        "distilbert",
        0,
        PoolerActivation.RELU,
        false,
        List.of(0, 1, 2),
        "distilbert.transformer.layer.2.ffn.lin2.weight",
        "pre_classifier.bias"),
    ROBERTA(
        "roberta",
        1,
        PoolerActivation.TANH,
        false,
        List.of(0, 1, 2),
        "roberta.encoder.layer.2.output.dense.weight",
        "classifier.dense.bias"),
    ELECTRA(
        "electra",
        2,
        PoolerActivation.GELU,
        true,
        List.of(0, 1, 2),
        "electra.encoder.layer.2.output.dense.weight",
        "classifier.dense.bias"),
    ALBERT(
        "albert",
        2,
        PoolerActivation.TANH,
        true,
        List.of(0, 0, 0),
        "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight",
        "albert.pooler.bias"),
    ALBERT_OF_TWO(
        "albert",
        2,
        PoolerActivation.TANH,
        true,
        List.of(0, 1, 0, 1),
        "albert.encoder.albert_layer_groups.0.albert_layers.1.ffn_output.weight",
        "albert.pooler.bias"),
    MPNET(
        "mpnet",
        0,
        PoolerActivation.TANH,
        false,
        List.of(0, 1, 2),
        "mpnet.encoder.layer.2.output.dense.weight",
        "classifier.dense.bias");

    private final Architecture architecture;
    private final String lastMatrix;
    private final String headDense;

    Family(
        String type,
        int types,
        PoolerActivation activation,
        boolean narrow,
        List<Integer> weights,
        String lastMatrix,
        String headDense) {
      final boolean counts = type.equals("roberta") || type.equals("mpnet");
      architecture =
          new Architecture(
              type,
              VOCABULARY,
              70,
              types,
              24,
              8,
              Collections.nCopies(weights.size(), new LayerShape(3, 40)),
              Activation.GELU_TANH,
              NormPlacement.POST,
              counts ? PositionScheme.LEARNED_AFTER_PADDING : PositionScheme.LEARNED,
              1e-12,
              counts ? 1 : 0,
              true,
              activation,
              new Embeddings(narrow ? 16 : 24, narrow),
              weights,
              type.equals("mpnet") ? Optional.of(new RelativeBias(32, 128)) : Optional.empty());
      this.lastMatrix = lastMatrix;
      this.headDense = headDense;
    }

    /** With weights and biases of a size that makes every term count. */
    Checkpoint model() {
      final Checkpoint drawn =
          Models.random(
              new Checkpoint(
                  "random",
                  architecture,
                  Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c"))),
                  Pooling.POOLER,
                  false,
                  64,
                  Map.of(),
                  Optional.empty(),
                  Signature.of(architecture),
                  new Checkpoint.Provenance("drawn", "Apache-2.0", "", "")),
              architecture.layers().size(),
              5L);
      final Random random = new Random(9);
      drawn
          .parameters()
          .values()
          .forEach(
              tensor -> {
                final float[] values = Floats.toArray(tensor);
                for (int i = 0; i < values.length; i++) {
                  values[i] += (float) (0.3 * random.nextGaussian());
                }
                Floats.of(tensor).write(0, values, 0, values.length);
              });
      return drawn;
    }
  }

  private static PaddedBatch texts(Checkpoint model) {
    final SplittableRandom random = new SplittableRandom(11);
    final boolean types = model.architecture().tokenTypes() > 1;
    return new PaddedBatch(
        IntStream.of(1, 9, 60, 30)
            .mapToObj(
                length ->
                    new Encoding(
                        random.ints(length, 0, VOCABULARY).toArray(),
                        IntStream.range(0, length)
                            .map(i -> types && 2 * i >= length ? 1 : 0)
                            .toArray()))
            .toList(),
        model.architecture().padTokenId());
  }

  private static float[] own(Checkpoint model, CompressedModel weights, OnnxOutput output) {
    try (EncoderModel encoder =
        new EncoderModel(
            model.architecture(), model.head(), model.pooling(), weights.dense(), WORKERS)) {
      final Batch batch = Batch.of(texts(model).texts());
      return switch (output) {
        case TOKENS -> encoder.encode(batch);
        case SENTENCE -> encoder.embed(batch, model.normalize());
        case LOGITS -> encoder.outputs(batch).values();
      };
    }
  }

  private static double largest(float[] a, float[] b) {
    assertEquals(a.length, b.length);
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
    }
    return largest;
  }

  @ParameterizedTest
  @EnumSource
  void onnxFilesComputeWhatTheEncoderComputes(Family family) {
    final Checkpoint model = family.model();
    final CompressedModel weights = RandomModel.dense(model);
    final PaddedBatch texts = texts(model);
    for (OnnxOutput output : OnnxOutput.values()) {
      final float[] expected = own(model, weights, output);
      final Path file = folder.resolve(output + ".onnx");
      OnnxWriter.write(model, weights, OnnxFormat.FLOAT, output, file);
      final boolean tokens = output == OnnxOutput.TOKENS;
      for (boolean optimised : new boolean[] {false, true}) {
        try (OrtModel runtime = new OrtModel(file, optimised)) {
          final float[] got = runtime.run(texts.inputs(model.signature()), texts.texts().size());
          final double off = largest(expected, tokens ? texts.withoutPadding(got) : got);
          assertTrue(off < 1e-4, output + ", optimised " + optimised + ": " + off);
        }
      }
      final float[] read =
          new OnnxInterpreter(file).run(texts.inputs(model.signature()), texts.texts().size());
      final double off = largest(expected, tokens ? texts.withoutPadding(read) : read);
      assertTrue(off < 1e-4, output + ", interpreted: " + off);
    }
  }

  /** Integer codes of layers that share weights stand once in the file. */
  @ParameterizedTest
  @EnumSource
  void integerFilesHoldTheSameWeights(Family family) {
    final Checkpoint model = family.model();
    final CompressedModel weights =
        RandomModel.forms(model, (name, tensor) -> RandomModel.quantize(tensor, 8, 1_000, false));
    final PaddedBatch texts = texts(model);
    final Path file = folder.resolve("int8.onnx");
    OnnxWriter.write(model, weights, OnnxFormat.INT8, OnnxOutput.LOGITS, file);
    final float[] read =
        new OnnxInterpreter(file)
            .runUnrounded(texts.inputs(model.signature()), texts.texts().size());
    final double off = largest(own(model, weights, OnnxOutput.LOGITS), read);
    assertTrue(off < 1e-4, "" + off);
  }

  @ParameterizedTest
  @EnumSource
  void denseFoldersHaveTheNamesOfTheFamily(Family family) throws Exception {
    final Checkpoint model = family.model();
    ModelFolder.write(folder, model, ModelFolder.dense(model.parameters()), "A card.\n");
    final Path file = folder.resolve(ModelFolder.WEIGHTS);
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      assertTrue(stored.entries().containsKey(family.lastMatrix), stored.entries().toString());
      assertTrue(stored.entries().containsKey(family.headDense), stored.entries().toString());
    }
    same(model, model.parameters(), HuggingFaceFolder.read(folder, Progress.NONE));
    same(model, model.parameters(), ModelFolder.open(folder.toString(), Models.Options.DEFAULT));
    assertEquals(
        model.parameters().keySet(),
        ModelFolder.weights(folder, model.architecture()).tensors().keySet());
    final Path copied = Files.createDirectory(folder.resolve("copy"));
    final Path canonical = folder.resolve("canonical");
    dev.bantam.export.PackedFile.write(ModelFolder.dense(model.parameters()), canonical);
    ModelFolder.copy(copied, model, canonical, "A card.\n");
    assertEquals(-1, Files.mismatch(file, copied.resolve(ModelFolder.WEIGHTS)));
  }

  @ParameterizedTest
  @EnumSource
  void packedFoldersComeBack(Family family) {
    final Checkpoint model = family.model();
    final Map<String, CompressedTensor> packed =
        new LinkedHashMap<>(ModelFolder.dense(model.parameters()).tensors());
    final String name = "encoder.layer.0.output.dense.weight";
    final float[] values = Floats.toArray(model.parameters().get(name));
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 3 == 0 ? values[i] : 0f;
    }
    final INDArray pruned = Floats.tensor(values, model.parameters().get(name).shape());
    packed.put(name, BitmaskTensor.of(pruned, SafetensorsType.F32));
    ModelFolder.write(folder, model, new CompressedModel(packed), "A card.\n");
    final Map<String, INDArray> expected = new LinkedHashMap<>(model.parameters());
    expected.put(name, pruned);
    final Checkpoint read = ModelFolder.open(folder.toString(), Models.Options.DEFAULT);
    same(model, expected, read);
    assertFalse(pruned.equals(model.parameters().get(name)), "nothing was pruned");
    assertEquals(
        0,
        largest(
            own(model, new CompressedModel(packed), OnnxOutput.LOGITS),
            own(read, ModelFolder.dense(read.parameters()), OnnxOutput.LOGITS)));
  }

  private static void same(Checkpoint model, Map<String, INDArray> weights, Checkpoint read) {
    assertEquals(model.architecture(), read.architecture());
    assertEquals(model.head(), read.head());
    assertEquals(model.pooling(), read.pooling());
    assertEquals(model.signature(), read.signature());
    assertEquals(List.copyOf(weights.keySet()), List.copyOf(read.parameters().keySet()));
    weights.forEach((name, tensor) -> assertEquals(tensor, read.parameters().get(name), name));
  }
}

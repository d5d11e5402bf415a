package dev.bantam.export.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.NamedModels;
import dev.bantam.checkpoint.Progress;
import dev.bantam.export.ModelFolder;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The named models written as float32 ONNX: against their publishers' own files in ONNX Runtime,
 * with its graph optimisations on and off, one text at a time and in a padded batch, 1 to 512
 * tokens long. Writes what it measured to files in {@code target}.
 */
class NamedModelsOnnxTest {
  private static final double TOLERANCE = 1e-4;
  private static final int[] LENGTHS = {1, 2, 13, 128, 512};

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"all-minilm-l6-v2", "e5-small-v2", "bge-small-en-v1.5", "bge-small-en"})
  void floatFilesGiveWhatTheirSourcesGive(String name) throws IOException {
    final Checkpoint model = Models.open(name, Models.Options.DEFAULT);
    final Path source = folder.resolve("source.onnx");
    Files.write(
        source,
        NamedModels.onnx(
            NamedModels.find(name).orElseThrow(), new MavenArtifacts(Progress.NONE, false)));
    final Path written = folder.resolve("written.onnx");
    OnnxWriter.write(
        model, ModelFolder.dense(model.parameters()), OnnxFormat.FLOAT, OnnxOutput.TOKENS, written);

    final List<PaddedBatch> batches = batches(model.architecture().vocabularySize());
    double worst = 0;
    final List<float[]> expected = new ArrayList<>();
    final Object inputs;
    try (OrtModel published = new OrtModel(source, true)) {
      inputs = published.inputs();
      batches.forEach(batch -> expected.add(run(published, batch, model)));
    }
    for (boolean optimised : new boolean[] {false, true}) {
      try (OrtModel got = new OrtModel(written, optimised)) {
        assertEquals(inputs, got.inputs());
        for (int i = 0; i < batches.size(); i++) {
          worst = Math.max(worst, difference(expected.get(i), run(got, batches.get(i), model)));
        }
      }
    }
    Files.writeString(
        Path.of("target", "onnx-differences-" + name + ".txt"),
        String.format(Locale.ROOT, "%s: largest difference %.3g%n", name, worst));
    assertTrue(worst <= TOLERANCE, name + ": " + worst);
    assertTrue(worst > 0, "two graphs do not agree to the last bit");
    readBack(model, written);
  }

  private static List<PaddedBatch> batches(int vocabulary) {
    final SplittableRandom random = new SplittableRandom(5);
    final List<Encoding> texts = new ArrayList<>();
    for (int length : LENGTHS) {
      texts.add(
          new Encoding(
              random.ints(length, 0, vocabulary).toArray(),
              IntStream.range(0, length).map(i -> 3 * i < length ? 0 : 1).toArray()));
    }
    final List<PaddedBatch> batches = new ArrayList<>();
    texts.forEach(text -> batches.add(new PaddedBatch(List.of(text), 0)));
    batches.add(new PaddedBatch(texts, 0));
    return batches;
  }

  private static float[] run(OrtModel ort, PaddedBatch batch, Checkpoint model) {
    return batch.withoutPadding(ort.run(batch.inputs(model.signature()), batch.texts().size()));
  }

  private static double difference(float[] a, float[] b) {
    assertEquals(a.length, b.length);
    double worst = 0;
    for (int i = 0; i < a.length; i++) {
      worst = Math.max(worst, Math.abs((double) a[i] - b[i]));
    }
    return worst;
  }

  /** The written file is a model like any other, with the same weights bit for bit. */
  private void readBack(Checkpoint model, Path written) throws IOException {
    Files.write(written.resolveSibling("tokenizer.json"), model.tokenizer().orElseThrow().file());
    final Checkpoint again = Models.open(written.toString(), Models.Options.DEFAULT);
    assertEquals(model.architecture(), again.architecture());
    assertEquals(model.pooling(), again.pooling());
    assertEquals(model.normalize(), again.normalize());
    assertEquals(model.maxLength(), again.maxLength());
    assertEquals(model.signature(), again.signature());
    model
        .parameters()
        .forEach(
            (name, tensor) ->
                assertArrayEquals(
                    Floats.toArray(tensor), Floats.toArray(again.parameters().get(name)), name));
  }
}

package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Example;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.Tasks;
import dev.bantam.data.WordnetRetrieval;
import dev.bantam.tensor.Workers;
import dev.langchain4j.model.embedding.onnx.OnnxEmbeddingModel;
import dev.langchain4j.model.embedding.onnx.PoolingMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * LangChain4j opens our files and embeds real sentences with them, compared with the publisher's
 * file in the same library. Writes what it measured to files in {@code target}.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LangChain4jTest {
  private static final int SENTENCES = 500;

  private Path folder;
  private Map<OnnxFile, byte[]> files;
  private Path tokenizer;
  private List<String> sentences;
  private float[][] expected;

  @BeforeAll
  void embedWithThePublishersFile(@TempDir Path temporary) throws IOException {
    folder = temporary;
    final MavenArtifacts artifacts = new MavenArtifacts(Progress.NONE, false);
    final Checkpoint model = Models.open(OnnxFiles.MODEL, Models.Options.DEFAULT);
    try (Workers workers = new Workers(2)) {
      files = OnnxFiles.of(model, artifacts, workers, Progress.NONE);
    }
    tokenizer =
        Files.write(folder.resolve("tokenizer.json"), model.tokenizer().orElseThrow().file());
    sentences = sentences(Tasks.open(WordnetRetrieval.NAME, artifacts::resolve));
    expected = embed(OnnxFile.SOURCE);
  }

  @AfterAll
  void forget() {
    files.clear();
  }

  /** Example sentences and definitions, from all over the dictionary. */
  private static List<String> sentences(Task task) {
    final List<Example> dev = task.examples(Split.DEV);
    final int step = dev.size() / (SENTENCES / 2);
    return IntStream.range(0, SENTENCES / 2)
        .mapToObj(i -> dev.get(i * step))
        .flatMap(pair -> Stream.of(pair.text(), pair.pair()))
        .toList();
  }

  private float[][] embed(OnnxFile file) throws IOException {
    final Path path = Files.write(folder.resolve(file + ".onnx"), files.get(file));
    final OnnxEmbeddingModel model = new OnnxEmbeddingModel(path, tokenizer, PoolingMode.MEAN);
    return sentences.stream()
        .map(sentence -> model.embed(sentence).content().vector())
        .toArray(float[][]::new);
  }

  /** Mean and smallest cosine to the publisher's vectors. */
  private double[] cosines(OnnxFile file) throws IOException {
    final float[][] vectors = embed(file);
    assertEquals(SENTENCES, sentences.stream().distinct().count());
    double sum = 0;
    double lowest = 1;
    for (int i = 0; i < SENTENCES; i++) {
      assertEquals(384, vectors[i].length);
      final double cosine = cosine(vectors[i], expected[i]);
      assertTrue(Double.isFinite(cosine), sentences.get(i));
      sum += cosine;
      lowest = Math.min(lowest, cosine);
    }
    Files.writeString(
        Path.of("target", "langchain4j-" + file + ".txt"),
        String.format(Locale.ROOT, "mean %.6f, lowest %.6f%n", sum / SENTENCES, lowest));
    return new double[] {sum / SENTENCES, lowest};
  }

  private static double cosine(float[] a, float[] b) {
    double product = 0;
    double squares = 0;
    double others = 0;
    for (int i = 0; i < a.length; i++) {
      product += (double) a[i] * b[i];
      squares += (double) a[i] * a[i];
      others += (double) b[i] * b[i];
    }
    return product / Math.sqrt(squares * others);
  }

  @Test
  void floatFilesEmbedAsTheirSource() throws IOException {
    assertTrue(cosines(OnnxFile.FLOAT)[1] >= 0.9999);
  }

  @Test
  void int8FilesStayNear() throws IOException {
    final double[] cosines = cosines(OnnxFile.INT8);
    assertTrue(cosines[0] >= 0.98, "mean " + cosines[0]); // measured 0.9930
    assertTrue(cosines[1] >= 0.95, "lowest " + cosines[1]); // measured 0.9747
    assertTrue(cosines[1] < 1, "codes are no floats");
  }

  @Test
  void int4FilesStayNear() throws IOException {
    final double[] cosines = cosines(OnnxFile.INT4);
    assertTrue(cosines[0] >= 0.93, "mean " + cosines[0]); // measured 0.9562
    assertTrue(cosines[1] < 1, "codes are no floats");
  }

  /** Other sentences are far away, so that the thresholds mean something. */
  @Test
  void neighbouringSentencesDiffer() {
    double sum = 0;
    for (int i = 1; i < SENTENCES; i++) {
      sum += cosine(expected[i - 1], expected[i]);
    }
    assertTrue(sum / SENTENCES < 0.5, "mean " + sum / SENTENCES);
  }
}

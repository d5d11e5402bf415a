package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.benchmarks.OnnxBench.Contest;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Example;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Every kind of line, on few texts. How fast a file is is not looked at. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OnnxBenchTest {
  private final InTurn brief =
      new InTurn(new InTurn.Budget(0, 0, 0.001), System::nanoTime, () -> {});
  private final Workers workers = new Workers(2);
  private final Checkpoint model = Models.open(OnnxFiles.MODEL, Models.Options.DEFAULT);
  private final Map<OnnxFile, byte[]> files = files();
  private final OnnxBench bench = bench(files);

  private final OnnxVectors pairs =
      new OnnxVectors(
          model,
          List.of(
              Example.scored("a small dog sleeps", "a puppy is asleep", 4.5),
              Example.scored("he paid the bill", "the invoice was settled", 3.5),
              Example.scored("rain fell all night", "the guitar is out of tune", 0.2)));

  private Map<OnnxFile, byte[]> files() {
    final MavenArtifacts artifacts = new MavenArtifacts(Progress.NONE, false);
    final Map<OnnxFile, byte[]> all =
        new EnumMap<>(OnnxFiles.of(model, artifacts, workers, Progress.NONE));
    all.put(OnnxFile.STATIC, OnnxFiles.calibrated(model, artifacts, workers, Progress.NONE));
    return all;
  }

  private OnnxBench bench(Map<OnnxFile, byte[]> compared) {
    return new OnnxBench(model, compared, workers, brief, Progress.NONE);
  }

  @AfterAll
  void stop() {
    bench.close();
    workers.close();
  }

  private static JsonNode json(BenchLine line) throws JsonProcessingException {
    return new ObjectMapper().readTree(line.json());
  }

  @Test
  void comparesLengths() throws JsonProcessingException {
    final JsonNode line = json(bench.bytes(Contest.INT8));
    assertEquals("all-minilm-l6-v2 bytes", line.get("case").asText());
    assertEquals(files.get(OnnxFile.INT8).length, line.get("ours").asInt());
    assertEquals(22_972_370, line.get("theirs").asInt());
    assertEquals(
        22_972_370.0 / files.get(OnnxFile.INT8).length, line.get("ratio").asDouble(), 1e-7);
  }

  @Test
  void timesFilesThatComputeTheSame() throws JsonProcessingException {
    for (Contest contest : Contest.values()) {
      final JsonNode line = json(bench.speed(contest, BenchCase.parse("2x8")));
      assertTrue(line.get("runs").asInt() >= 5, line.toString());
      assertTrue(line.get("ours").asDouble() > 0 && line.get("theirs").asDouble() > 0);
      assertTrue(line.get("case").asText().endsWith(" 2x8"), line.toString());
    }
  }

  /** A file of ours that is the source itself is as near to it as can be, and the peer is not. */
  @Test
  void theSourceIsNearestToItself() throws JsonProcessingException {
    final Map<OnnxFile, byte[]> compared = new EnumMap<>(files);
    compared.put(OnnxFile.INT8, files.get(OnnxFile.SOURCE));
    try (OnnxBench other = bench(compared)) {
      final List<BenchLine> lines =
          other.retrieval(Contest.INT8, new OnnxVectors(model, List.of(pair("one", "two"))));
      assertEquals(3, lines.size());
      for (BenchLine line : lines.subList(0, 2)) {
        final JsonNode json = json(line);
        assertEquals(1, json.get("ours").asDouble(), 1e-7, json.toString());
        final double theirs = json.get("theirs").asDouble();
        assertTrue(theirs > 0.9 && theirs < 0.9999, json.toString());
      }
      // one document is found by every query
      assertEquals(1, json(lines.get(2)).get("ours").asDouble());
    }
  }

  private static Example pair(String text, String other) {
    return Example.unlabelled(text, other);
  }

  /** Of three pairs, the dog's and the bill's mean the same, and the rain has no guitar. */
  @Test
  void scoresPairs() throws JsonProcessingException {
    final JsonNode similarity = json(bench.similarity(Contest.INT8, pairs));
    assertEquals("all-minilm-l6-v2 stsb", similarity.get("case").asText());
    assertEquals(1, similarity.get("ours").asDouble(), similarity.toString());
    assertEquals(1, similarity.get("float32").asDouble(), similarity.toString());
    final JsonNode retrieval = json(bench.retrieval(Contest.INT4, pairs).get(2));
    assertEquals("all-minilm-l6-v2 int4 wordnet-retrieval", retrieval.get("case").asText());
    final double ours = retrieval.get("ours").asDouble();
    assertTrue(ours > 0.5 && ours <= 1, retrieval.toString());
  }

  /** A text alone and the same text beside a longer one: the mean leaves padding out. */
  @Test
  void vectorsAreMeansOverTokens() {
    final Encoding text = model.tokenizer().orElseThrow().encode("a small dog sleeps", 128);
    try (OnnxRuntimeEncoder encoder =
            new OnnxRuntimeEncoder("the source", files.get(OnnxFile.SOURCE), 2, 0);
        OnnxRuntimeEncoder.Input input = encoder.input(List.of(text))) {
      final float[] states = encoder.lastHiddenStates(input);
      final var vectors = pairs.of(OnnxFile.SOURCE, encoder, Progress.NONE);
      assertEquals(6, vectors.size());
      final float[] mean = new float[384];
      for (int i = 0; i < states.length; i++) {
        mean[i % 384] += states[i];
      }
      assertEquals(1, vectors.cosine(0, dev.bantam.data.SentenceVectors.of(mean, 384), 0), 1e-6);
    }
  }

  @Test
  void refusesToTimeOtherWork() {
    final Map<OnnxFile, byte[]> compared = new EnumMap<>(files);
    compared.put(OnnxFile.FLOAT, files.get(OnnxFile.INT8));
    try (OnnxBench other = bench(compared)) {
      final BantamException e =
          assertThrows(
              BantamException.class, () -> other.speed(Contest.FLOAT, BenchCase.parse("1x4")));
      assertEquals(ExitCode.UNEXPECTED, e.exitCode());
      assertTrue(e.getMessage().contains("all-minilm-l6-v2 float32 1x4"), e.getMessage());
    }
  }

  @Test
  void numbersThatDoNotAgreeAreNotCompared() {
    Agreement.check("same", new float[] {1, 2}, new float[] {2, 4}, 0.999);
    for (float[] other : new float[][] {{-2, 1}, {1}, {Float.NaN, 2}}) {
      assertThrows(
          BantamException.class, () -> Agreement.check("other", new float[] {1, 2}, other, 0.5));
    }
  }
}

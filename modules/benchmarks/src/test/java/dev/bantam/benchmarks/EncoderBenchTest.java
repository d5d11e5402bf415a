package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Example;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Whole cases with a named model. What they measure is not looked at: only that they measure. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EncoderBenchTest {
  private static final String MODEL = "all-minilm-l6-v2";

  private final InTurn brief =
      new InTurn(new InTurn.Budget(0, 0, 0.001), System::nanoTime, () -> {});
  private final Workers workers = new Workers(2);
  private final byte[] onnx = OnnxSource.read(MODEL, new MavenArtifacts(Progress.NONE, false));

  private final Checkpoint model = Models.open(MODEL, Models.Options.DEFAULT);

  @AfterAll
  void stop() {
    workers.close();
  }

  private JsonNode measure(Checkpoint checkpoint, String name, List<Example> text)
      throws JsonProcessingException {
    try (EncoderBench bench = new EncoderBench(checkpoint, onnx, workers, brief)) {
      return new ObjectMapper().readTree(bench.measure(BenchCase.parse(name), text).json());
    }
  }

  private static void assertMeasured(JsonNode line, String... fields) {
    assertTrue(line.get("runs").asInt() >= 5, line.toString());
    for (String field : fields) {
      assertTrue(line.get(field).asDouble() > 0, field + " of " + line);
    }
  }

  @Test
  void measuresEqualLengths() throws JsonProcessingException {
    final JsonNode line = measure(model, "2x8", List.of());
    assertMeasured(line, "ours", "theirs", "ratio", "bound_fraction");
    assertEquals("encoder", line.get("bench").asText());
    assertEquals("all-minilm-l6-v2 2x8", line.get("case").asText());
    assertEquals("sentences/s", line.get("unit").asText());
    final String peer = line.get("peer").asText();
    assertTrue(peer.matches("onnxruntime [0-9.]+ fp32, 2 threads"), peer);
  }

  @Test
  void measuresTextsOfMixedLengths() throws JsonProcessingException {
    final List<Example> text = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      text.add(Example.labelled("one word more and ".repeat(i % 7) + "a full stop.", 0));
    }
    final JsonNode line = measure(model, "real-text", text);
    assertMeasured(line, "ours", "theirs", "ratio", "ratio_sorted", "bound_fraction");
    assertEquals("all-minilm-l6-v2 real-text", line.get("case").asText());
  }

  /** The last bias adds to every hidden state alike: 2e-5 pass, 1e-4 do not. */
  @Test
  void refusesOtherWork() throws JsonProcessingException {
    final Floats bias = Floats.of(model.parameters().get("encoder.layer.5.output.LayerNorm.bias"));
    final float[] first = new float[1];
    bias.read(0, first, 0, 1);
    try {
      bias.fill(0, 1, first[0] + 2e-5f);
      assertMeasured(measure(model, "2x8", List.of()), "ratio");
      bias.fill(0, 1, first[0] + 1e-4f);
      final BantamException e =
          assertThrows(BantamException.class, () -> measure(model, "2x8", List.of()));
      assertEquals(ExitCode.UNEXPECTED, e.exitCode());
      assertTrue(e.getMessage().contains("all-minilm-l6-v2 2x8"), e.getMessage());
    } finally {
      bias.fill(0, 1, first[0]);
    }
  }

  @Test
  void refusesAnotherModel() {
    final Checkpoint other = Models.random(model, 2, 1);
    assertEquals(
        ExitCode.UNEXPECTED,
        assertThrows(BantamException.class, () -> measure(other, "1x4", List.of())).exitCode());
  }

  @Test
  void findsTheOnnxFileOfAFolder(@TempDir Path folder) throws IOException {
    final MavenArtifacts artifacts = new MavenArtifacts(Progress.NONE, true);
    final BantamException e =
        assertThrows(BantamException.class, () -> OnnxSource.read(folder.toString(), artifacts));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(e.getMessage().contains("onnx/model.onnx"), e.getMessage());
    Files.createDirectory(folder.resolve("onnx"));
    Files.write(folder.resolve("onnx/model.onnx"), new byte[] {1, 2});
    assertArrayEquals(new byte[] {1, 2}, OnnxSource.read(folder.toString(), artifacts));
    final Path file = Files.write(folder.resolve("x.ONNX"), new byte[] {3});
    assertArrayEquals(new byte[] {3}, OnnxSource.read(file.toString(), artifacts));
  }

  @Test
  void refusesWhatIsNoOnnxFile() {
    assertEquals(
        ExitCode.BAD_INPUT,
        assertThrows(
                BantamException.class, () -> new OnnxRuntimeEncoder("x.onnx", new byte[9], 1, 0))
            .exitCode());
  }
}

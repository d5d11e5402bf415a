package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BenchCaseTest {
  private static Architecture architecture(int heads, int ffnWidth, int layers) {
    final List<Architecture.LayerShape> shapes = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      shapes.add(new Architecture.LayerShape(heads, ffnWidth));
    }
    return new Architecture(
        "bert",
        100,
        16,
        2,
        384,
        32,
        shapes,
        Architecture.Activation.GELU_ERF,
        Architecture.NormPlacement.POST,
        Architecture.PositionScheme.LEARNED,
        1e-12,
        0,
        false);
  }

  @Test
  void readsShapesAndRealText() {
    final BenchCase shape = BenchCase.parse("8x128");
    assertEquals(8, shape.sentences());
    assertEquals(128, shape.tokens());
    assertFalse(shape.realText());
    assertTrue(BenchCase.parse("real-text").realText());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "8", "8x", "x8", "0x8", "8x0", "8X128", "-1x8", "8x128x2", "text"})
  void refusesWhatIsNoCase(String text) {
    final BantamException e = assertThrows(BantamException.class, () -> BenchCase.parse(text));
    assertEquals(ExitCode.USAGE, e.exitCode());
    assertTrue(e.getMessage().contains("'" + text + "'"), e.getMessage());
  }

  @Test
  void sentencesHaveTheLengthAndDiffer() {
    final List<Encoding> encodings = BenchCase.parse("3x16").encodings(architecture(12, 1536, 1));
    assertEquals(3, encodings.size());
    final HashSet<Integer> ids = new HashSet<>();
    for (Encoding e : encodings) {
      assertEquals(16, e.length());
      for (int id : e.ids()) {
        assertTrue(id >= 0 && id < 100, "id " + id);
        ids.add(id);
      }
    }
    assertEquals(48, ids.size());
  }

  @Test
  void refusesSentencesBeyondThePositions() {
    final BenchCase wanted = BenchCase.parse("1x17");
    final Architecture small = architecture(12, 1536, 1);
    assertEquals(
        ExitCode.USAGE,
        assertThrows(BantamException.class, () -> wanted.encodings(small)).exitCode());
  }

  /** A layer of MiniLM has 4 * 384 * 384 + 2 * 384 * 1536 = 1,769,472 weights in its matrices. */
  @Test
  void countsTheArithmeticOfTheLinearLayers() {
    assertEquals(2.0 * 6 * 1_769_472, LinearLayers.operationsPerToken(architecture(12, 1536, 6)));
    // 3 heads of 32 and 100 units are left: 4 * 96 * 384 + 2 * 100 * 384
    assertEquals(2.0 * 224_256, LinearLayers.operationsPerToken(architecture(3, 100, 1)));
  }
}

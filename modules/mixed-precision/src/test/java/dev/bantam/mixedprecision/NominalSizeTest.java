package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.ParameterShapes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sizes of BERT-base in the tables of Q-BERT (Shen et al. 2020), MB there being 2^20 bytes. */
class NominalSizeTest {
  private static Map<String, long[]> bertBase() {
    final Architecture architecture =
        new Architecture(
            "bert",
            30_522,
            512,
            2,
            768,
            64,
            Collections.nCopies(12, new Architecture.LayerShape(12, 3072)),
            Architecture.Activation.GELU_ERF,
            Architecture.NormPlacement.POST,
            Architecture.PositionScheme.LEARNED,
            1e-12,
            0,
            false);
    // the paper leaves the LayerNorm of the embeddings out
    final Map<String, long[]> shapes =
        new LinkedHashMap<>(ParameterShapes.of(architecture, Optional.empty(), Pooling.MEAN));
    shapes.keySet().removeIf(name -> name.startsWith("embeddings.LayerNorm"));
    return shapes;
  }

  private static double mebibytes(int embeddings, IntUnaryOperator layers) {
    final long bits =
        NominalSize.bits(
            bertBase(),
            name ->
                name.startsWith("embeddings.")
                    ? embeddings
                    : layers.applyAsInt(Integer.parseInt(name.split("\\.", -1)[2])));
    return bits / 8.0 / (1 << 20);
  }

  @ParameterizedTest
  @CsvSource({
    "32, 32, 415.4",
    "8, 8, 103.9",
    "8, 4, 63.4",
    "8, 3, 53.2",
    "8, 2, 43.1",
    "0, 32, 324.5",
    "0, 8, 81.2",
    "0, 4, 40.6",
    "0, 3, 30.5"
  })
  void oneWidth(int embeddings, int layers, double published) {
    assertEquals(published, mebibytes(embeddings, layer -> layers), 0.12);
  }

  /** Six layers of 3 bits among those of 2, as for SST-2 and SQuAD. */
  @Test
  void mixedWidths() {
    assertEquals(48.1, mebibytes(8, layer -> layer >= 3 && layer < 9 ? 3 : 2), 0.12);
    assertEquals(25.4, mebibytes(0, layer -> layer >= 3 && layer < 9 ? 3 : 2), 0.12);
  }

  @Test
  void parameters() {
    assertEquals(108_890_112, NominalSize.bits(bertBase(), name -> 1));
    assertEquals(
        85_054_464, NominalSize.bits(bertBase(), name -> name.startsWith("encoder.") ? 1 : 0));
  }
}

package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.compression.Step;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The published sizes and operations of BERT-base, and what a file really takes. */
class NominalSizeTest {
  private static final double MEBI = 1 << 20;

  static Map<String, long[]> bertBase() {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("embeddings.word_embeddings.weight", new long[] {30_522, 768});
    shapes.put("embeddings.position_embeddings.weight", new long[] {512, 768});
    shapes.put("embeddings.token_type_embeddings.weight", new long[] {2, 768});
    norm(shapes, "embeddings.LayerNorm");
    for (int i = 0; i < 12; i++) {
      final String layer = "encoder.layer." + i + ".";
      for (String name : List.of("query", "key", "value")) {
        linear(shapes, layer + "attention.self." + name, 768, 768);
      }
      linear(shapes, layer + "attention.output.dense", 768, 768);
      norm(shapes, layer + "attention.output.LayerNorm");
      linear(shapes, layer + "intermediate.dense", 3072, 768);
      linear(shapes, layer + "output.dense", 768, 3072);
      norm(shapes, layer + "output.LayerNorm");
    }
    linear(shapes, "pooler.dense", 768, 768);
    return shapes;
  }

  private static void linear(Map<String, long[]> shapes, String name, long outputs, long inputs) {
    shapes.put(name + ".weight", new long[] {outputs, inputs});
    shapes.put(name + ".bias", new long[] {outputs});
  }

  private static void norm(Map<String, long[]> shapes, String name) {
    shapes.put(name + ".weight", new long[] {768});
    shapes.put(name + ".bias", new long[] {768});
  }

  @Test
  void publishedFigures() {
    final Map<String, long[]> bert = bertBase();
    assertEquals(417.64, NominalSize.denseBytes(bert) / MEBI, 0.01);
    assertEquals(13.391, NominalSize.bytes(bert) / MEBI, 0.001);
    assertEquals(31.19, NominalSize.denseBytes(bert) / NominalSize.bytes(bert), 0.01);
    assertEquals(22.348, NominalSize.operations(bert, 128) / 1e9, 0.001);
    final double bits = NominalSize.operations(bert, 128, 1, 1) / 1e9;
    assertEquals(0.349, bits, 0.001);
    final double elementwise = 0.048; // LayerNorms, GELU, residuals, biases, as published
    assertEquals(56.3, NominalSize.operations(bert, 128) / 1e9 / (bits + elementwise), 0.05);
    assertEquals(1.40, NominalSize.operations(bert, 128, 1, 4) / 1e9, 0.01);
    assertEquals(5.59, NominalSize.operations(bert, 128, 2, 8) / 1e9, 0.01);
  }

  /** Bits and scales of all that is binarized, float32 for the rest: 15.4 MiB. */
  @Test
  void whatAFileTakes() {
    final Map<String, long[]> bert = bertBase();
    final Step step =
        new BinarizationStep.Bibert()
            .parse(
                new MapSettings(
                    Map.of(
                        "targets",
                        List.of(
                            "encoder.layer.*.dense.weight",
                            "encoder.layer.*.self.*.weight",
                            "pooler.dense.weight"),
                        "train",
                        Map.of())));
    assertEquals(List.of(), step.check(bert));
    double bytes = NominalSize.denseBytes(bert);
    long signs = 0;
    for (Step.Forecast forecast : step.forecast(bert, Map.of())) {
      final long[] shape = bert.get(forecast.tensor());
      bytes += forecast.storedBytes() - 4.0 * shape[0] * shape[1];
      signs += forecast.storedBytes() - 4 * shape[0];
    }
    assertEquals(13_546_944 + 73_728, signs);
    assertEquals(15.397, bytes / MEBI, 0.001);
    assertEquals(27.12, NominalSize.denseBytes(bert) / bytes, 0.01);
  }
}

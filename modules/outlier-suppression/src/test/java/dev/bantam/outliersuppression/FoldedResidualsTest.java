package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operations;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model whose residuals were shifted and scaled, against itself folded and before. */
class FoldedResidualsTest {
  private static float[] outputs(TinyBench bench, Map<String, INDArray> weights) {
    final EncoderModel live = bench.model();
    try (EncoderModel model =
        new EncoderModel(
            live.architecture(), live.head(), live.pooling(), weights, bench.workers())) {
      return model.outputs(bench.all()).values();
    }
  }

  private static double relative(float[] expected, float[] got) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) expected[i] - got[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / size);
  }

  @ParameterizedTest
  @ValueSource(strings = {"os-plus", "os-plus-vo", "smoothquant"})
  void foldedItComputesWhatItDid(String method) {
    try (TinyBench bench = new TinyBench(2)) {
      final float[] original = bench.model().outputs(bench.all()).values();
      final CompressionState state = bench.state(3L);
      SuppressOutliersTest.step("suppress-outliers", method).apply(state);
      final CompressedModel migrated = state.finish();
      final float[] before = bench.model().outputs(bench.all()).values();
      assertTrue(
          relative(original, outputs(bench, migrated.dense())) > 0.01, "the maps are missed");
      final CompressedModel folded = FoldedResiduals.fold(migrated);
      assertEquals(Map.of(), folded.operations());
      assertEquals(migrated.tensors().keySet(), folded.tensors().keySet());
      final float[] after = outputs(bench, folded.dense());
      assertTrue(relative(before, after) < 1e-5, "" + relative(before, after));
      assertTrue(relative(original, after) < 1e-5, "" + relative(original, after));
    }
  }

  /** Weights that no map touches keep their bits. */
  @Test
  void otherWeightsStayAsTheyAre() {
    try (TinyBench bench = new TinyBench(1)) {
      final CompressionState state = bench.state(3L);
      SuppressOutliersTest.step("suppress-outliers", "os-plus").apply(state);
      final CompressedModel migrated = state.finish();
      final Map<String, Boolean> same = new LinkedHashMap<>();
      FoldedResiduals.fold(migrated)
          .tensors()
          .forEach(
              (name, tensor) ->
                  same.put(
                      name,
                      java.util.Arrays.equals(
                          Floats.toArray(tensor.dense()),
                          Floats.toArray(migrated.tensors().get(name).dense()))));
      assertTrue(same.get("encoder.layer.0.output.dense.weight"));
      assertTrue(same.get("encoder.layer.1.output.LayerNorm.weight"));
      assertTrue(!same.get("encoder.layer.0.output.LayerNorm.weight"));
    }
  }

  @Test
  void whatIsRoundedCannotBeFolded() {
    try (TinyBench bench = new TinyBench(1)) {
      final CompressionState state = bench.state(3L);
      SuppressOutliersTest.step("suppress-outliers", "os-plus").apply(state);
      SuppressOutliersTest.step("quantize-activations", "static").apply(state);
      final BantamException refused =
          assertThrows(BantamException.class, () -> FoldedResiduals.fold(state.finish()));
      assertEquals(ExitCode.USAGE, refused.exitCode());
      assertTrue(refused.getMessage().contains("[fake-quantize]"), refused.getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, multiplied with 0",
    "NaN, 1, holds NaN",
    "Infinity, 1, holds Infinity",
    "1, NaN, holds NaN"
  })
  void mapsThatCannotBeUndoneAreRefused(float scale, float shift, String message) {
    final StoredOperation stored =
        new Affine(new float[] {1, scale}, new float[] {0, shift}).stored();
    final BantamException refused =
        assertThrows(BantamException.class, () -> Operations.decode(stored));
    assertEquals(ExitCode.BAD_INPUT, refused.exitCode());
    assertTrue(refused.getMessage().contains(message), refused.getMessage());
  }
}

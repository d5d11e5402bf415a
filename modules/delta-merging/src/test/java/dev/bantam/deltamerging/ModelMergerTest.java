package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Models in memory. */
class ModelMergerTest {
  private static final List<String> NAMES =
      List.of("encoder.layer.0.w", "encoder.layer.1.w", "embeddings.w");

  private static Map<String, INDArray> model(long seed) {
    final SplittableRandom random = new SplittableRandom(seed);
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    for (String name : NAMES) {
      final float[] values = new float[15];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble();
      }
      tensors.put(name, Floats.tensor(values, 3, 5));
    }
    return tensors;
  }

  @Test
  void gradientsGoByLayersAndInputsStayAsTheyAre() {
    final MergeRecipe recipe =
        MergeRecipe.of(
            MergeMethod.TASK_ARITHMETIC,
            "base",
            List.of(
                new MergeRecipe.Model("m", Map.of("weight", ParameterValue.gradient(.25, .75)))),
            Map.of());
    final Map<String, INDArray> base = model(1);
    final Map<String, INDArray> tuned = model(2);
    final Map<String, INDArray> before = model(2);
    try (Workers workers = new Workers(2)) {
      final Map<String, INDArray> merged =
          new ModelMerger(recipe, 1)
              .merge(NAMES, Optional.of(base), List.of(tuned), List.of(), workers);
      assertEquals(NAMES, List.copyOf(merged.keySet()));
      final double[] weights = {.25, .75, .25};
      for (int k = 0; k < NAMES.size(); k++) {
        final float[] b = Floats.toArray(base.get(NAMES.get(k)));
        final float[] t = Floats.toArray(tuned.get(NAMES.get(k)));
        final float[] got = Floats.toArray(merged.get(NAMES.get(k)));
        assertArrayEquals(Floats.toArray(before.get(NAMES.get(k))), t);
        for (int i = 0; i < b.length; i++) {
          assertEquals(b[i] + weights[k] * (t[i] - b[i]), got[i], 1e-6);
        }
      }
    }
  }

  /** Thresholds over three tensors are those of the tensors as one. */
  @Test
  void wholeModelThresholdsSpanTheTensors() {
    final List<MergeRecipe.Model> two =
        List.of(
            new MergeRecipe.Model("a", Map.of("density", ParameterValue.of(.3))),
            new MergeRecipe.Model("b", Map.of("density", ParameterValue.of(.5))));
    final MergeRecipe recipe = MergeRecipe.of(MergeMethod.TIES_AUTHORS, "base", two, Map.of());
    final List<Map<String, INDArray>> parts = List.of(model(1), model(2), model(3));
    final List<Map<String, INDArray>> whole =
        parts.stream().map(m -> Map.of("all", joined(m))).toList();
    try (Workers workers = new Workers(2)) {
      final Map<String, INDArray> merged =
          new ModelMerger(recipe, 1)
              .merge(NAMES, Optional.of(parts.get(0)), parts.subList(1, 3), List.of(), workers);
      final Map<String, INDArray> one =
          new ModelMerger(recipe, 1)
              .merge(
                  List.of("all"),
                  Optional.of(whole.get(0)),
                  whole.subList(1, 3),
                  List.of(),
                  workers);
      assertArrayEquals(Floats.toArray(one.get("all")), Floats.toArray(joined(merged)));
    }
  }

  private static INDArray joined(Map<String, INDArray> model) {
    final float[] all = new float[45];
    int at = 0;
    for (String name : NAMES) {
      System.arraycopy(Floats.toArray(model.get(name)), 0, all, at, 15);
      at += 15;
    }
    return Floats.tensor(all, 45);
  }

  @Test
  void whatDoesNotFitIsNamed() {
    final MergeRecipe recipe =
        MergeRecipe.of(MergeMethod.LINEAR, null, List.of(MergeRecipe.Model.of("a", 1)), Map.of());
    try (Workers workers = new Workers(1)) {
      final BantamException e =
          assertThrows(
              BantamException.class,
              () ->
                  new ModelMerger(recipe, 1)
                      .merge(
                          List.of("nowhere"),
                          Optional.empty(),
                          List.of(model(1)),
                          List.of(),
                          workers));
      assertTrue(e.getMessage().contains("'nowhere' is not in all models"), e.getMessage());
    }
  }
}

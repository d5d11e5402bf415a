package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.deltamerging.TensorMerger.Statistics;
import dev.bantam.deltamerging.WholeModelTies.NoMajority;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Whole models merged by MergeLM, the program of DARE's authors (cases mergelm-*). */
class MergelmCasesTest {
  private static final List<String> INPUTS = List.of("m0", "m1", "m2");

  @TestFactory
  Stream<DynamicTest> dare() {
    return tests("mergelm-dare", MergelmCasesTest::oneDelta, false);
  }

  @TestFactory
  Stream<DynamicTest> magnitude() {
    return tests("mergelm-magnitude", MergelmCasesTest::magnitudes, false);
  }

  @TestFactory
  Stream<DynamicTest> models() {
    return tests("mergelm-", MergelmCasesTest::model, true);
  }

  private static Stream<DynamicTest> tests(
      String prefix, java.util.function.Consumer<GoldenCase> check, boolean models) {
    final List<Path> folders = new ArrayList<>();
    for (Path folder : GoldenCase.folders("merging", prefix)) {
      try (GoldenCase golden = new GoldenCase(folder)) {
        if (golden.has("m0.lin1.weight") == models) {
          folders.add(folder);
        }
      }
    }
    assertFalse(folders.isEmpty(), prefix);
    return folders.stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(
                    folder.getFileName().toString(),
                    () -> {
                      try (GoldenCase golden = new GoldenCase(folder)) {
                        check.accept(golden);
                      }
                    }));
  }

  /** Masks given: dropping, and division by 1 - p. */
  private static void oneDelta(GoldenCase golden) {
    int checked = 0;
    for (String name : golden.names()) {
      if (!golden.has(name + ".dropmask")) {
        continue;
      }
      final String tensor = name.substring(0, name.indexOf('.'));
      final double p = Double.parseDouble(name.replaceAll(".*\\.p([0-9.]+)\\.[a-z]+$", "$1"));
      final Rescale rule = name.endsWith(".rescale") ? Rescale.INVERSE_DENSITY : Rescale.NONE;
      final MergeRecipe recipe =
          MergeRecipe.of(
                  MergeMethod.TASK_ARITHMETIC,
                  "base",
                  List.of(
                      new MergeRecipe.Model(
                          "m",
                          Map.of(
                              "weight",
                              ParameterValue.of(1),
                              "density",
                              ParameterValue.of(1 - p)))),
                  Map.of())
              .with(Sparsifier.DARE, rule);
      final byte[] dropped = golden.bytes(name + ".dropmask");
      final TensorMerger merger =
          new TensorMerger(recipe, 1, 1L, (delta, c, m, q, r) -> drop(delta, dropped));
      final float[] delta = golden.floats(tensor + ".delta");
      final float[] merged =
          merger.merge(
              tensor,
              golden.shape(tensor + ".delta"),
              new float[delta.length],
              new float[][] {delta},
              Precision.FLOAT32);
      golden.check(name, merged);
      checked++;
    }
    assertTrue(checked > 0, golden + " has no masks");
  }

  private static void drop(float[] delta, byte[] dropped) {
    for (int i = 0; i < delta.length; i++) {
      delta[i] = dropped[i] == 1 ? 0 : delta[i];
    }
  }

  private static void magnitudes(GoldenCase golden) {
    int checked = 0;
    for (String name : golden.names()) {
      if (name.endsWith(".delta")) {
        continue;
      }
      final String tensor = name.substring(0, name.indexOf('.'));
      final double p = Double.parseDouble(name.replaceAll(".*\\.p([0-9.]+)\\.[a-z]+$", "$1"));
      final float[] delta = golden.floats(tensor + ".delta");
      Magnitudes.dropSmallest(delta, p);
      if (name.endsWith(".rescale")) {
        for (int i = 0; i < delta.length; i++) {
          delta[i] = (float) (delta[i] / (1 - p));
        }
      }
      golden.check(name, delta);
      checked++;
    }
    assertTrue(checked > 0, golden + " has no results");
    // where its k is 0 the reference fails; here nothing is dropped
    golden
        .expected()
        .path("errors")
        .fieldNames()
        .forEachRemaining(
            name -> {
              final String tensor = name.substring(0, name.indexOf('.'));
              final double p = Double.parseDouble(name.replaceAll(".*\\.p([0-9.]+)\\..*", "$1"));
              final float[] delta = golden.floats(tensor + ".delta");
              Magnitudes.dropSmallest(delta, p);
              assertArrayEquals(golden.floats(tensor + ".delta"), delta);
            });
  }

  /** A case on three small models. */
  private static void model(GoldenCase golden) {
    final JsonNode p = golden.parameters();
    final String method = golden.toString();
    final Optional<MergeMethod> ours;
    if (method.contains("regmean")) {
      ours = Optional.of(MergeMethod.REGMEAN);
    } else if (method.contains("fisher")) {
      ours = Optional.of(MergeMethod.FISHER);
    } else if (method.contains("average")) {
      ours = Optional.of(MergeMethod.LINEAR);
    } else if (method.contains("task")) {
      ours = Optional.of(MergeMethod.TASK_ARITHMETIC);
    } else {
      assertTrue(method.contains("ties"), method);
      ours = Optional.of(MergeMethod.TIES_MERGELM);
    }
    final MergeRecipe recipe = recipe(ours.get(), p);
    final List<String> tensors =
        golden.names().stream().filter(n -> n.startsWith("out.")).map(n -> n.substring(4)).toList();
    assertFalse(tensors.isEmpty());
    final WholeModel whole =
        ours.get().needsWholeModel() ? whole(golden, recipe, tensors, p) : null;
    final double[] coefficients = coefficients(golden, p, tensors);
    for (String tensor : tensors) {
      final Statistics statistics = statistics(golden, ours.get(), tensor, coefficients);
      final TensorMerger merger = merger(golden, recipe, tensor);
      final float[] merged =
          merger.merge(
              tensor,
              golden.shape("out." + tensor),
              golden.floats("base." + tensor),
              read(golden, tensor),
              Precision.FLOAT32,
              statistics,
              whole);
      golden.check("out." + tensor, merged);
    }
  }

  private static MergeRecipe recipe(MergeMethod method, JsonNode p) {
    final List<MergeRecipe.Model> models = new ArrayList<>();
    for (int t = 0; t < INPUTS.size(); t++) {
      assertEquals(INPUTS.get(t), p.path("order").path(t).asText());
      final double density =
          p.has("weight_mask_rates") ? 1 - p.path("weight_mask_rates").path(t).asDouble() : 1;
      final double weight =
          p.has("fisher_scaling_coefficients")
              ? p.path("fisher_scaling_coefficients").path(t).asDouble()
              : 1;
      models.add(
          new MergeRecipe.Model(
              INPUTS.get(t),
              Map.of("weight", ParameterValue.of(weight), "density", ParameterValue.of(density))));
    }
    final MergeRecipe plain =
        MergeRecipe.of(
            method,
            method.base() == MergeMethod.Base.INPUT && !p.has("weight_mask_rates") ? null : "base",
            models,
            Map.of(
                "lambda",
                ParameterValue.of(p.path("scaling_coefficient").asDouble(1)),
                "off_diagonal",
                ParameterValue.of(p.path("reduce_non_diagonal_ratio").asDouble(1)),
                "floor",
                ParameterValue.of(p.path("minimal_fisher_weight").asDouble(1e-6))));
    return p.has("weight_mask_rates")
        ? plain.with(Sparsifier.DARE, Rescale.INVERSE_DENSITY)
        : plain;
  }

  /** With the masks of the case, where it has some. */
  private static TensorMerger merger(GoldenCase golden, MergeRecipe recipe, String tensor) {
    // the average does not count the base: only its deltas are thinned out
    final MergeRecipe own =
        recipe.method() == MergeMethod.LINEAR && recipe.base().isPresent()
            ? thinnedAverage(recipe)
            : recipe;
    return new TensorMerger(
        own,
        1,
        1L,
        (delta, c, m, q, r) ->
            drop(delta, golden.bytes("dropmask." + INPUTS.get(m) + "." + tensor)));
  }

  /** {@code base + mean of the thinned deltas} is the mean of the thinned models. */
  private static MergeRecipe thinnedAverage(MergeRecipe recipe) {
    return MergeRecipe.of(
            MergeMethod.TASK_ARITHMETIC,
            "base",
            recipe.models(),
            Map.of("normalize", ParameterValue.of(1)))
        .with(Sparsifier.DARE, Rescale.INVERSE_DENSITY);
  }

  private static float[][] read(GoldenCase golden, String tensor) {
    return INPUTS.stream().map(m -> golden.floats(m + "." + tensor)).toArray(float[][]::new);
  }

  private static float[][] deltas(GoldenCase golden, MergeRecipe recipe, String tensor) {
    final float[][] deltas = read(golden, tensor);
    final float[] base = golden.floats("base." + tensor);
    for (int t = 0; t < deltas.length; t++) {
      Deltas.subtract(deltas[t], base, Precision.FLOAT32);
      if (recipe.front() == Sparsifier.DARE) {
        drop(deltas[t], golden.bytes("dropmask." + INPUTS.get(t) + "." + tensor));
        final double density =
            recipe.models().get(t).parameters().get("density").at(tensor, 0).orElseThrow();
        for (int i = 0; i < deltas[t].length; i++) {
          deltas[t][i] = (float) (deltas[t][i] / density);
        }
      }
    }
    return deltas;
  }

  private static WholeModel whole(
      GoldenCase golden, MergeRecipe recipe, List<String> tensors, JsonNode p) {
    final WholeModelPass pass = new WholeModelPass(INPUTS.size());
    tensors.forEach(tensor -> pass.addUpper(deltas(golden, recipe, tensor)));
    final double[] density = new double[INPUTS.size()];
    Arrays.fill(density, 1 - p.path("param_value_mask_rate").asDouble());
    pass.choose(density, NoMajority.KEEP_NONE);
    tensors.forEach(tensor -> pass.addLower(deltas(golden, recipe, tensor)));
    pass.chooseThresholds();
    tensors.forEach(tensor -> pass.addSigns(deltas(golden, recipe, tensor)));
    return pass.finish(NoMajority.KEEP_NONE);
  }

  private static double[] coefficients(GoldenCase golden, JsonNode p, List<String> tensors) {
    final double[] coefficients = new double[INPUTS.size()];
    Arrays.fill(coefficients, 1);
    if (p.path("normalize_fisher_weight").asBoolean()) {
      final double[] norms = new double[INPUTS.size()];
      for (int t = 0; t < norms.length; t++) {
        for (String tensor : tensors) {
          for (float f : golden.floats("fisher." + INPUTS.get(t) + "." + tensor)) {
            norms[t] += (double) f * f;
          }
        }
        norms[t] = Math.sqrt(norms[t]);
      }
      StatisticsMerging.normalize(coefficients, norms);
    }
    return coefficients;
  }

  private static Statistics statistics(
      GoldenCase golden, MergeMethod method, String tensor, double[] coefficients) {
    final String first =
        method == MergeMethod.FISHER
            ? "fisher.m0." + tensor
            : "gram.m0." + tensor.replace(".weight", "");
    if (!golden.has(first)) {
      return null;
    }
    final float[][] values =
        INPUTS.stream()
            .map(m -> golden.floats(first.replace(".m0.", "." + m + ".")))
            .toArray(float[][]::new);
    return new Statistics(values, coefficients);
  }
}

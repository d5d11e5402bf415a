package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Tensors merged by mergekit (src/test/resources/merging, cases mergekit-*), found by folder. Masks
 * that the program drew at random are given; those that follow from magnitudes are expected, and
 * given for the result where it chose freely among equal ones.
 */
class MergekitCasesTest {
  private static final List<String> OF_MODELS = List.of("weight", "density", "gamma", "epsilon");

  @TestFactory
  Stream<DynamicNode> everyCase() {
    return GoldenCase.folders("merging", "mergekit-").stream()
        .filter(folder -> !Files.isDirectory(folder.resolve("models"))) // WholeRunTest
        .map(MergekitCasesTest::tests);
  }

  private static DynamicNode tests(Path folder) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final List<DynamicNode> tests = new ArrayList<>();
      for (String name : golden.names()) {
        if (name.endsWith(".out")) {
          final String tensor = name.substring(0, name.length() - ".out".length());
          tests.add(DynamicTest.dynamicTest(tensor, () -> check(folder, tensor)));
        }
      }
      golden
          .expected()
          .path("errors")
          .fieldNames()
          .forEachRemaining(
              tensor ->
                  tests.add(
                      DynamicTest.dynamicTest(
                          tensor + " was refused", () -> checkRefused(folder, tensor))));
      assertFalse(tests.isEmpty(), golden + " has no tensors");
      return DynamicContainer.dynamicContainer(golden.toString(), tests);
    }
  }

  private static void check(Path folder, String tensor) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final Case c = new Case(golden, tensor);
      golden.check(tensor + ".out", c.merge());
      for (int t = 0; t < c.recipe.models().size(); t++) {
        c.checkSelection(t);
        c.checkChances(t);
      }
    }
  }

  /** What mergekit refused is refused, or has a better rule that docs/methods/merging.md names. */
  private static void checkRefused(Path folder, String tensor) {
    try (GoldenCase golden = new GoldenCase(folder)) {
      final String message = golden.expected().path("errors").path(tensor).asText();
      final Case c = new Case(golden, tensor);
      if (message.contains("Epsilon must be chosen")) {
        final BantamException refusal = assertThrows(BantamException.class, c::merge);
        assertEquals(ExitCode.BAD_FILE, refusal.exitCode());
        assertTrue(refusal.getMessage().contains("epsilon"), refusal.getMessage());
      } else if (message.contains("p_in")) {
        // a row of one element: kept with the probability of the density, so 0 or the rescaled
        // delta
        assertEquals(1, c.models()[0].length);
        final float merged = c.merge()[0];
        assertTrue(Float.isFinite(merged));
      } else {
        assertTrue(message.contains("weighted sum of the input tensors is zero"), message);
        assertArrayEquals(golden.floats(tensor + ".base"), c.merge()); // all deltas are zero
      }
    }
  }

  /** One tensor of a case. */
  private static final class Case {
    private final GoldenCase golden;
    private final String tensor;
    private final MergeRecipe recipe;
    private final Precision precision;
    private final TensorMerger merger;

    Case(GoldenCase golden, String tensor) {
      this.golden = golden;
      this.tensor = tensor;
      final JsonNode p = golden.parameters();
      final MergeMethod method = MergeMethod.ofWord(p.path("method").asText()).orElseThrow();
      final boolean input = method.base() == MergeMethod.Base.INPUT;
      final List<MergeRecipe.Model> models = new ArrayList<>();
      boolean base = false;
      for (JsonNode name : p.path("order")) {
        base |= name.asText().equals("base");
        if (input || !name.asText().equals("base")) {
          models.add(model(name.asText(), p));
        }
      }
      final Map<String, ParameterValue> common = new HashMap<>();
      p.properties()
          .forEach(
              field -> {
                final JsonNode value = field.getValue();
                if (value.isNumber() && !field.getKey().equals("seed")) {
                  common.put(field.getKey(), ParameterValue.of(value.asDouble()));
                } else if (value.isBoolean()) {
                  common.put(field.getKey(), ParameterValue.of(value.asBoolean() ? 1 : 0));
                }
              });
      common.keySet().forEach(key -> assertTrue(method.key(key).isPresent(), "no key " + key));
      this.precision = golden.notes("dtype=bfloat16") ? Precision.BFLOAT16 : Precision.FLOAT32;
      this.recipe =
          new MergeRecipe(
              method,
              base ? Optional.of("base") : Optional.empty(),
              models,
              common,
              Optional.empty(),
              Optional.empty(),
              List.of(),
              Optional.of(precision));
      this.merger = new TensorMerger(recipe, 1, 1L, this::drop);
    }

    private static MergeRecipe.Model model(String name, JsonNode parameters) {
      final Map<String, ParameterValue> own = new HashMap<>();
      for (String key : OF_MODELS) {
        if (parameters.path(key).has(name)) {
          own.put(key, ParameterValue.of(parameters.path(key).path(name).asDouble()));
        }
      }
      return new MergeRecipe.Model(name, own);
    }

    private float[] read(String model) {
      final float[] values = golden.floats(tensor + "." + model);
      precision.round(values);
      return values;
    }

    float[][] models() {
      return recipe.models().stream().map(m -> read(m.name())).toArray(float[][]::new);
    }

    private int columns() {
      final long[] shape = golden.shape(tensor + "." + recipe.models().get(0).name());
      return (int) shape[shape.length - 1];
    }

    float[] merge() {
      final boolean origin = recipe.base().isPresent();
      final float[][] models = models();
      if (golden.has(tensor + ".select")) {
        return mergeSelected(models);
      }
      return merger.merge(
          tensor,
          golden.shape(tensor + "." + recipe.models().get(0).name()),
          origin ? read("base") : null,
          models,
          precision);
    }

    /** SCE chose freely among equal variances: its choice is given, ours must be as large. */
    private float[] mergeSelected(float[][] deltas) {
      final float[] base = read("base");
      for (float[] delta : deltas) {
        Deltas.subtract(delta, base, precision);
      }
      final byte[] select = golden.bytes(tensor + ".select");
      final float[] variance = Sce.variances(deltas);
      float least = Float.POSITIVE_INFINITY;
      int given = 0;
      for (int i = 0; i < select.length; i++) {
        given += select[i];
        least = select[i] == 1 ? Math.min(least, variance[i]) : least;
      }
      final float[][] own = Arrays.stream(deltas).map(float[]::clone).toArray(float[][]::new);
      final double share = golden.parameters().path("select_topk").asDouble();
      Sce.select(own, share);
      int selected = 0;
      for (int i = 0; i < select.length; i++) {
        boolean kept = false;
        for (int t = 0; t < own.length; t++) {
          kept |= own[t][i] != 0;
          deltas[t][i] *= select[i];
        }
        selected += kept ? 1 : 0;
        assertTrue(!kept || variance[i] >= least, tensor + "[" + i + "]");
      }
      assertEquals(given, selected, "number of elements selected");
      Sce.merge(base, deltas, precision);
      return base;
    }

    private void drop(
        float[] delta, int columns, int model, TensorParameters parameters, Precision ignored) {
      final String mask = tensor + ".mask." + recipe.models().get(model).name();
      if (golden.has(mask)) {
        final byte[] kept = golden.bytes(mask);
        for (int i = 0; i < delta.length; i++) {
          delta[i] *= kept[i];
        }
        return;
      }
      new Dropped(recipe).drop(delta, model, parameters);
    }

    /** Our own selection by magnitude against the program's, where that was not free. */
    void checkSelection(int model) {
      final String name = recipe.models().get(model).name();
      final String mask = tensor + ".mask." + name;
      if (!golden.has(mask) || recipe.front().isRandom()) {
        return;
      }
      final float[] delta = read(name);
      Deltas.subtract(delta, read("base"), precision);
      final float[] kept = delta.clone();
      new Dropped(recipe).drop(kept, model, merger.parameters(tensor));
      final byte[] wanted = golden.bytes(mask);
      final byte[] free =
          golden.has(tensor + ".free." + name)
              ? golden.bytes(tensor + ".free." + name)
              : new byte[wanted.length];
      int ours = 0;
      int theirs = 0;
      for (int i = 0; i < delta.length; i++) {
        if (delta[i] != 0) { // a zero is kept or not without a difference
          ours += kept[i] != 0 ? 1 : 0;
          theirs += wanted[i];
          assertTrue(free[i] == 1 || (kept[i] != 0) == (wanted[i] == 1), mask + "[" + i + "]");
        }
      }
      assertEquals(theirs, ours, mask);
    }

    void checkChances(int model) {
      final String name = recipe.models().get(model).name();
      final String chances = tensor + ".keep_prob." + name;
      if (!golden.has(chances)) {
        return;
      }
      final float[] delta = read(name);
      Deltas.subtract(delta, read("base"), precision);
      final float[] kappa =
          new SparseDeltas(recipe, 1, null)
              .keepProbabilities(delta, columns(), model, merger.parameters(tensor));
      final float[] wanted = golden.floats(chances);
      final byte[] free =
          golden.has(tensor + ".free." + name)
              ? golden.bytes(tensor + ".free." + name)
              : new byte[wanted.length];
      for (int i = 0; i < kappa.length; i++) {
        if (free[i] == 0) {
          assertEquals(wanted[i], kappa[i], 2e-7 + 1e-6 * wanted[i], chances + "[" + i + "]");
        }
      }
    }
  }

  /** The product's own way to drop, reached through a merger that does nothing else. */
  private record Dropped(MergeRecipe recipe) {
    void drop(float[] delta, int model, TensorParameters p) {
      final double density = p.number("density", model);
      switch (recipe.front()) {
        case MAGNITUDE -> Magnitudes.keepLargest(delta, density);
        case BREADCRUMBS -> Magnitudes.keepMiddle(delta, density, p.number("gamma", model));
        default -> {
          if (density > 0 && density < 1) {
            // no mask is given: an error is expected, or a draw that nothing depends on
            new TensorMerger(recipe, 1, 1L).check(p.tensor());
          } else if (density <= 0) {
            Arrays.fill(delta, 0f);
          }
        }
      }
    }
  }
}

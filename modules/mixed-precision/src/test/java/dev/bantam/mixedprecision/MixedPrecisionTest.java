package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Reading, checking, and what needs no labels; the rest is tested in runs. */
class MixedPrecisionTest {
  private static final List<String> PARTS =
      List.of(
          "attention.self.query",
          "attention.self.key",
          "attention.self.value",
          "attention.output.dense",
          "intermediate.dense",
          "output.dense");

  /** Two layers of matrices of different spread, [8 x 16] and twice as tall for the FFN. */
  private static CompressionState state(long seed) {
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    final Random random = new Random(3);
    for (int layer = 0; layer < 2; layer++) {
      for (String part : PARTS) {
        final int rows = part.equals("intermediate.dense") ? 16 : 8;
        final float[] w = new float[rows * 16];
        final double spread = 0.02 + 0.1 * random.nextDouble();
        for (int i = 0; i < w.length; i++) {
          w[i] = (float) (spread * random.nextGaussian());
        }
        weights.put("encoder.layer." + layer + "." + part + ".weight", Floats.tensor(w, rows, 16));
      }
    }
    return new CompressionState(weights, seed);
  }

  private static MapSettings settings(Object... allocate) {
    final Map<String, Object> nested = new LinkedHashMap<>();
    for (int i = 0; i < allocate.length; i += 2) {
      nested.put((String) allocate[i], allocate[i + 1]);
    }
    return new MapSettings(Map.of("allocate", nested, "group-size", 8));
  }

  private static Step step(Object... allocate) {
    return new RoundToNearest.Factory().parse(settings(allocate));
  }

  private static List<Integer> bits(StepLog log) {
    return log.tensors().stream().map(t -> t.bits().orElseThrow()).toList();
  }

  @Test
  void readsAndFillsInDefaults() {
    final MixedPrecision step = (MixedPrecision) step("average", 2.5);
    assertEquals(
        new WidthChoice(
            List.of(2, 3),
            2.5,
            OptionalDouble.empty(),
            Sensitivity.HESSIAN_TRACE,
            Unit.MATRIX,
            new Evidence.HessianTraces(32, 32),
            1),
        step.choice());
    assertEquals(WeightFormat.of(2, OptionalInt.of(8)), step.format());
    assertEquals(new TensorSelector(TensorSelector.ENCODER_MATRICES, List.of()), step.selector());
    assertTrue(step.needsLabels());
    assertEquals(
        new Evidence.TopEigenvalues(5, 1, 20),
        ((MixedPrecision) step("average", 2.5, "sensitivity", "q-bert")).choice().evidence());
  }

  @Test
  void namesOfMethods() {
    final String[][] expected = {
      {"hessian-trace", "mp-2-4-hessian"},
      {"q-bert", "mp-2-4-qbert"},
      {"fisher-trace", "mp-2-4-fisher"},
      {"error", "mp-2-4-error"},
      {"random", "mp-2-4-random-1"},
      {"reversed", "mp-2-4-reversed"},
      {"complement", "mp-2-4-complement"}
    };
    for (String[] pair : expected) {
      final MixedPrecision step =
          (MixedPrecision) step("bits", List.of(4, 2), "average", 3.0, "sensitivity", pair[0]);
      assertEquals(pair[1], step.choice().method());
    }
  }

  @Test
  void nonsenseIsAProblem() {
    final Map<String, MapSettings> wrong = new LinkedHashMap<>();
    wrong.put("nothing to choose", settings("bits", List.of(4), "average", 4.0));
    wrong.put(
        "'average'|average: 2.5 is not between", settings("bits", List.of(3, 4), "average", 2.5));
    wrong.put("average: is missing", settings("bits", List.of(3, 4)));
    wrong.put(
        "halfway between",
        settings("bits", List.of(2, 3), "average", 2.4, "sensitivity", "complement"));
    wrong.put(
        "two of them",
        settings("bits", List.of(2, 3, 4), "average", 3.0, "sensitivity", "complement"));
    wrong.forEach(
        (what, settings) -> {
          new RoundToNearest.Factory().parse(settings);
          final List<String> problems = settings.mappings.get("allocate").problems;
          final String[] words = what.split("\\|", -1);
          assertTrue(
              problems.size() >= 1 && problems.get(0).contains(words[words.length - 1]),
              what + ": " + problems);
        });
    final MapSettings both = new MapSettings(Map.of("bits", 4, "allocate", Map.of("average", 2.5)));
    new RoundToNearest.Factory().parse(both);
    assertEquals(List.of("bits: 'allocate' chooses them. Delete one of the two."), both.problems);
  }

  @Test
  void groupsMustDivide() {
    final MapSettings settings =
        new MapSettings(Map.of("allocate", Map.of("average", 2.5), "group-size", 5));
    final Step step = new RoundToNearest.Factory().parse(settings);
    assertEquals(12, step.check(state(1).shapes()).size());
  }

  /** The least sum of squared errors over all 2^12 choices within the budget. */
  @Test
  void byErrorEqualsTryingItAll() {
    final CompressionState state = state(1);
    final Map<String, float[]> before = new LinkedHashMap<>();
    state.weights().forEach((name, tensor) -> before.put(name, Floats.toArray(tensor)));
    final double[][] errors = new double[12][2];
    final long[] sizes = new long[12];
    int t = 0;
    for (Map.Entry<String, float[]> matrix : before.entrySet()) {
      final float[] w = matrix.getValue();
      for (int bits = 2; bits <= 3; bits++) {
        final float[] q =
            Floats.toArray(
                MatrixQuantizer.quantize(
                        "w",
                        w,
                        w.length / 16,
                        16,
                        WeightFormat.of(bits, OptionalInt.of(8)),
                        new Workers(1))
                    .dense());
        for (int i = 0; i < w.length; i++) {
          errors[t][bits - 2] += Math.pow((double) q[i] - w[i], 2);
        }
      }
      sizes[t++] = w.length;
    }
    final long budget = 14 * 128 * 5 / 2; // 14 units of 128 weights at 2.5 bits
    double least = Double.POSITIVE_INFINITY;
    int best = -1;
    for (int code = 0; code < 1 << 12; code++) {
      long size = 0;
      double sum = 0;
      for (int i = 0; i < 12; i++) {
        size += sizes[i] * (2 + (code >> i & 1));
        sum += errors[i][code >> i & 1];
      }
      if (size <= budget && sum < least) {
        least = sum;
        best = code;
      }
    }
    final StepLog log = step("average", 2.5, "sensitivity", "error").apply(state);
    final List<Integer> expected = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      expected.add(2 + (best >> i & 1));
    }
    assertEquals(expected, bits(log));
    assertEquals("mp-2-3-error", log.method());
    assertEquals("quantize", log.step());
    assertTrue(log.events().isEmpty());
    t = 0;
    for (StepLog.Entry entry : log.tensors()) {
      final float[] w = before.get(entry.name());
      double norm = 0;
      for (float x : w) {
        norm += (double) x * x;
      }
      assertEquals(
          errors[t][expected.get(t) - 2] / norm, entry.relativeError(), 1e-9, entry.name());
      assertTrue(entry.predictedLoss().isEmpty() && entry.sensitivity().isEmpty());
      assertEquals(state.form(entry.name()).orElseThrow().storedBytes(), entry.storedBytes());
      t++;
    }
    assertTrue(
        log.tensors().get(0).treatment().contains("of 2 or 3 bit, 2.5 on average by error"),
        log.tensors().get(0).treatment());
  }

  @Test
  void randomDrawsDifferAndRepeat() {
    final List<Integer> one = bits(random(1, 1));
    assertEquals(one, bits(random(1, 1)));
    int different = 0;
    for (int draw = 2; draw < 8; draw++) {
      different += one.equals(bits(random(1, draw))) ? 0 : 1;
      different += one.equals(bits(random(draw, 1))) ? 0 : 1;
    }
    assertTrue(different >= 10, "only " + different + " differ");
    assertEquals("mp-2-3-random-4", random(1, 4).method());
    long sum = 0;
    for (StepLog.Entry entry : random(5, 2).tensors()) {
      sum +=
          (entry.name().endsWith("intermediate.dense.weight") ? 2L : 1L)
              * entry.bits().orElseThrow();
    }
    assertEquals(35, sum);
  }

  private static StepLog random(long seed, int draw) {
    return step("average", 2.5, "sensitivity", "random", "draw", draw).apply(state(seed));
  }

  @ParameterizedTest
  @ValueSource(strings = {"qkv", "layer"})
  void unitsShareAWidth(String unit) {
    for (int draw = 1; draw <= 5; draw++) {
      final List<Integer> bits =
          bits(
              step("average", 2.5, "sensitivity", "random", "unit", unit, "draw", draw)
                  .apply(state(1)));
      for (int layer = 0; layer < 2; layer++) {
        final int together = unit.equals("qkv") ? 3 : 6;
        assertEquals(1, bits.subList(6 * layer, 6 * layer + together).stream().distinct().count());
      }
    }
  }

  @Test
  void costsSmokeAndForecasts() {
    final Map<String, long[]> shapes = state(1).shapes();
    final Step step = step("average", 2.5);
    final long weights = 14 * 128;
    assertEquals(new Step.Cost(0, 4 * weights, 2 * 32 * 32, 2 * 32 * 32, 0), step.cost(shapes));
    final Step.Smoke smoke = step.smoke();
    assertEquals(Map.of("allocate.probes", 2, "allocate.batch", 4), smoke.settings());
    assertEquals(smoke.step(), smoke.step().smoke().step(), "as small as it gets");
    assertEquals(step("average", 2.5, "probes", 2, "batch", 4), smoke.step());
    final List<Step.Forecast> forecasts = step.forecast(shapes, Map.of());
    assertEquals(12, forecasts.size());
    // [8 x 16]: 2.5 bits a code, two half scales a row
    assertEquals(8 * 16 * 5 / 16 + 8 * 2 * 2, forecasts.get(0).storedBytes());
    final Step none = step("average", 2.5, "sensitivity", "error");
    assertEquals(Step.Cost.NONE, none.cost(shapes));
    assertFalse(none.needsLabels());
    assertEquals(none, none.smoke().step());
    final Step qbert = step("average", 2.5, "sensitivity", "q-bert");
    assertEquals(6L * 3 * 2 * 5 * 32, qbert.cost(shapes).gradientExamples());
  }

  /** Without a model there is nothing to measure; the weights stay. */
  @Test
  void curvatureNeedsATask() {
    final CompressionState state = state(1);
    final BantamException e =
        assertThrows(BantamException.class, () -> step("average", 2.5).apply(state));
    assertTrue(e.getMessage().contains("--task"), e.getMessage());
    assertTrue(state.weights().keySet().stream().allMatch(name -> state.form(name).isEmpty()));
  }
}

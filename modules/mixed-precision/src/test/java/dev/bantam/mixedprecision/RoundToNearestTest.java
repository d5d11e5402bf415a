package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.mixedprecision.WeightFormat.Range;
import dev.bantam.mixedprecision.WeightFormat.Scheme;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class RoundToNearestTest {
  private static final String QUERY = "encoder.layer.0.attention.self.query.weight";
  private static final String UP = "encoder.layer.0.intermediate.dense.weight";
  private static final String DOWN = "encoder.layer.0.output.dense.weight";
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final TensorSelector DEFAULT =
      new TensorSelector(TensorSelector.ENCODER_MATRICES, List.of());

  /** Schemes with a code for zero; the other one has a test of its own. */
  private static final List<Scheme> WITH_ZERO = List.of(Scheme.SYMMETRIC, Scheme.AFFINE);

  private static float[] gaussian(int n, long seed) {
    final Random random = new Random(seed);
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian() * 0.05f;
    }
    return values;
  }

  /** An encoder layer of odd shapes with a row of zeros, and a table that is left alone. */
  private static CompressionState state() {
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    weights.put(WORDS, Floats.tensor(gaussian(11 * 8, 1), 11, 8));
    final float[] query = gaussian(7 * 64, 2);
    java.util.Arrays.fill(query, 64, 128, 0f);
    weights.put(QUERY, Floats.tensor(query, 7, 64));
    weights.put("encoder.layer.0.intermediate.dense.bias", Floats.tensor(gaussian(9, 3), 9));
    weights.put(UP, Floats.tensor(gaussian(9 * 128, 4), 9, 128));
    weights.put(DOWN, Floats.tensor(gaussian(5 * 64, 5), 5, 64));
    return new CompressionState(weights, 1);
  }

  private static RoundToNearest step(int bits, OptionalInt group) {
    return new RoundToNearest(DEFAULT, WeightFormat.of(bits, group));
  }

  @Test
  void readsWhatTheUserWroteAndFillsInTheDefaults() {
    final MapSettings four = new MapSettings(Map.of("bits", 4, "group-size", 128));
    final RoundToNearest step = (RoundToNearest) new RoundToNearest.Factory().parse(four);
    assertEquals(
        new WeightFormat(4, OptionalInt.of(128), Scheme.SYMMETRIC, Range.MSE, ScaleType.FLOAT16),
        step.format());
    assertEquals(DEFAULT, step.selector());
    final RoundToNearest eight =
        (RoundToNearest) new RoundToNearest.Factory().parse(new MapSettings(Map.of("bits", 8)));
    assertEquals(
        new WeightFormat(
            8, OptionalInt.empty(), Scheme.SYMMETRIC, Range.MIN_MAX, ScaleType.FLOAT16),
        eight.format());
    final RoundToNearest all =
        (RoundToNearest)
            new RoundToNearest.Factory()
                .parse(
                    new MapSettings(
                        Map.of(
                            "bits",
                            3,
                            "group-size",
                            "row",
                            "scheme",
                            "affine",
                            "range",
                            "min-max",
                            "scale-type",
                            "float32",
                            "targets",
                            List.of("a*"),
                            "skip",
                            List.of("ab"))));
    assertEquals(
        new RoundToNearest(
            new TensorSelector(List.of("a*"), List.of("ab")),
            new WeightFormat(
                3, OptionalInt.empty(), Scheme.AFFINE, Range.MIN_MAX, ScaleType.FLOAT32)),
        all);
  }

  @Test
  void wrongSettingsAreProblemsNotExceptions() {
    for (Object bits : new Object[] {1, 9}) {
      final MapSettings settings = new MapSettings(Map.of("bits", bits, "group-size", 0));
      new RoundToNearest.Factory().parse(settings);
      assertEquals(2, settings.problems.size(), settings.problems.toString());
    }
    final MapSettings none = new MapSettings(Map.of());
    new RoundToNearest.Factory().parse(none);
    assertEquals(List.of("bits: is missing"), none.problems);
  }

  @Test
  void listsEveryMatrixThatTheGroupsDoNotDivide() {
    final List<StepProblem> problems = step(4, OptionalInt.of(48)).check(state().shapes());
    assertEquals(3, problems.size(), problems.toString());
    for (StepProblem problem : problems) {
      assertEquals("group-size", problem.key());
      assertTrue(problem.message().contains("groups of 48 inputs leave"), problem.message());
      assertTrue(problem.message().contains("'row'"), problem.message());
    }
    assertTrue(problems.get(0).message().contains("'" + QUERY + "' is [7 x 64]"));
    assertTrue(problems.get(1).message().contains("'" + UP + "' is [9 x 128]"));
    assertEquals(List.of(), step(4, OptionalInt.of(64)).check(state().shapes()));
    assertEquals(List.of(), step(4, OptionalInt.empty()).check(state().shapes()));
  }

  @ParameterizedTest
  @CsvSource({"8, 0", "4, 0", "4, 32", "3, 16", "2, 0", "2, 8"})
  void theLiveWeightIsWhatTheFormRestoresAndTheRestIsUntouched(int bits, int group) {
    final CompressionState state = state();
    final float[] words = state.weight(WORDS);
    final float[] before = state.weight(UP);
    final StepLog log =
        step(bits, group == 0 ? OptionalInt.empty() : OptionalInt.of(group)).apply(state);
    assertArrayEquals(words, state.weight(WORDS));
    assertEquals(
        List.of(QUERY, UP, DOWN), log.tensors().stream().map(StepLog.Entry::name).toList());
    final CompressedTensor form = state.form(UP).orElseThrow();
    final float[] after = state.weight(UP);
    assertArrayEquals(Floats.toArray(form.dense()), after);
    final StepLog.Entry entry = log.tensors().get(1);
    assertEquals(OptionalInt.of(bits), entry.bits());
    assertEquals(form.storedBytes(), entry.storedBytes());
    assertEquals(WeightErrors.relative(before, after), entry.relativeError());
    assertEquals(WeightErrors.sparsity(after), entry.sparsity());
    final int scales = 9 * (group == 0 ? 1 : 128 / group);
    assertEquals(9 * 128 * bits / 8 + 2 * scales, form.storedBytes(), "codes and half scales");
    final float[] query = state.weight(QUERY);
    for (int i = 64; i < 128; i++) {
      assertEquals(0f, query[i], "the row of zeros stays one");
    }
  }

  @Test
  void theLogNamesWhatWasDone() {
    final StepLog log = step(4, OptionalInt.of(32)).apply(state());
    assertEquals("quantize", log.step());
    assertEquals("rtn", log.method());
    assertEquals(
        "4 bit, groups of 32, symmetric -8..7, mse range, float16 scales, stored as grouped",
        log.tensors().get(1).treatment());
    assertEquals(
        "8 bit, rows, symmetric -127..127, min-max range, float16 scales, stored as grouped",
        step(8, OptionalInt.empty()).apply(state()).tensors().get(1).treatment());
  }

  /** By definition: every restored weight is the nearest of the levels of its row. */
  @ParameterizedTest
  @EnumSource(value = Scheme.class, mode = EnumSource.Mode.EXCLUDE, names = "OFFSET")
  void everyWeightIsTheNearestLevel(Scheme scheme) {
    for (Range range : Range.values()) {
      for (int bits = 2; bits <= 8; bits++) {
        final float[] w = gaussian(5 * 48, bits);
        final WeightFormat format =
            new WeightFormat(bits, OptionalInt.of(16), scheme, range, ScaleType.FLOAT16);
        final GroupedTensor form = MatrixQuantizer.quantize("w", w, 5, 48, format, new Workers(2));
        final float[] restored = Floats.toArray(form.dense());
        final int low = -(1 << (bits - 1));
        final boolean restricted = scheme == Scheme.SYMMETRIC && range == Range.MIN_MAX;
        for (int i = 0; i < w.length; i++) {
          final int g = i / 16;
          final float s = form.scales()[g];
          final int z = scheme == Scheme.AFFINE ? form.zeroPoints()[g] : 0;
          double best = Double.POSITIVE_INFINITY;
          for (int q = restricted ? low + 1 : low; q < -low; q++) {
            best = Math.min(best, Math.abs(w[i] - (q - z) * (double) s));
          }
          // a float quotient may send a value this close to a tie to the other neighbour
          assertEquals(best, Math.abs(w[i] - restored[i]), 1e-4 * s, "element " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Scheme.class, mode = EnumSource.Mode.EXCLUDE, names = "OFFSET")
  void moreBitsNeverMeanMoreError(Scheme scheme) {
    final float[] w = gaussian(16 * 96, 9);
    for (OptionalInt group : List.of(OptionalInt.empty(), OptionalInt.of(32))) {
      double last = Double.POSITIVE_INFINITY;
      for (int bits = 2; bits <= 8; bits++) {
        final WeightFormat format =
            new WeightFormat(bits, group, scheme, Range.ofBits(bits), ScaleType.FLOAT16);
        final double error = error(w, 16, 96, format);
        assertTrue(error < last, bits + " bit: " + error + " after " + last);
        last = error;
      }
      assertTrue(last < 1e-4, "8 bit: " + last);
    }
  }

  private static double error(float[] w, int rows, int columns, WeightFormat format) {
    final GroupedTensor form =
        MatrixQuantizer.quantize("w", w, rows, columns, format, new Workers(2));
    return WeightErrors.relative(w, Floats.toArray(form.dense()));
  }

  /**
   * Relative squared errors of a standard normal matrix, groups of 128, as an independent program
   * found them (method card 1.2), within the spread of another draw.
   */
  @ParameterizedTest
  @CsvSource({
    "2, min-max, 0.589", "3, min-max, 0.0753", "4, min-max, 0.0138", "8, min-max, 4.20e-5",
    "2, mse, 0.146", "3, mse, 0.0382", "4, mse, 0.0102", "8, mse, 4.20e-5"
  })
  void errorsOfANormalMatrix(int bits, String range, double expected) {
    final WeightFormat format =
        new WeightFormat(
            bits,
            OptionalInt.of(128),
            Scheme.SYMMETRIC,
            range.equals("mse") ? Range.MSE : Range.MIN_MAX,
            ScaleType.FLOAT32);
    final double error = error(gaussian(384 * 384, 0), 384, 384, format);
    assertTrue(error < 1.03 * expected, "error " + error);
    assertTrue(error > 0.96 * expected, "error " + error); // finer steps than there: 3 % at 8 bits
  }

  /** The largest weight is hit exactly; with a zero point, which is rounded, it need not be. */
  @Test
  void symmetricMinMaxIsIdempotent() {
    for (int bits = 2; bits <= 8; bits++) {
      final WeightFormat format =
          new WeightFormat(
              bits, OptionalInt.of(16), Scheme.SYMMETRIC, Range.MIN_MAX, ScaleType.FLOAT16);
      final float[] w = gaussian(4 * 32, bits);
      final float[] once =
          Floats.toArray(MatrixQuantizer.quantize("w", w, 4, 32, format, new Workers(2)).dense());
      final float[] twice =
          Floats.toArray(
              MatrixQuantizer.quantize("w", once, 4, 32, format, new Workers(2)).dense());
      assertArrayEquals(once, twice, bits + " bit");
    }
  }

  @Test
  void zerosOfAPrunedMatrixStayAndTakeNoCodes() {
    for (Scheme scheme : WITH_ZERO) {
      final CompressionState state = state();
      final float[] w = state.weight(UP);
      for (int i = 0; i < w.length; i++) {
        w[i] = i % 5 == 0 ? w[i] : 0f;
      }
      Floats.of(state.weights().get(UP)).write(0, w, 0, w.length);
      new RoundToNearest(
              DEFAULT,
              new WeightFormat(4, OptionalInt.of(64), scheme, Range.MSE, ScaleType.FLOAT16))
          .apply(state);
      final CompressedTensor form = state.form(UP).orElseThrow();
      assertEquals("sparse-grouped", form.form());
      assertTrue(form.storedBytes() < 9 * 128 / 2 * 0.5, "bytes " + form.storedBytes());
      final float[] after = state.weight(UP);
      for (int i = 0; i < w.length; i++) {
        assertTrue(w[i] != 0 || after[i] == 0, "zero " + i + " became " + after[i]);
      }
    }
  }

  @Test
  void awkwardMatricesAreQuantized() {
    final WeightFormat format = WeightFormat.of(2, OptionalInt.empty());
    final float[][] rows = {{0}, {-3e-9f}, {5}, {1, 1, 1}, {0, 0, -0f}, {1e-30f, -1e-30f, 7}};
    for (float[] row : rows) {
      for (Scheme scheme : WITH_ZERO) {
        for (Range range : Range.values()) {
          final WeightFormat f =
              new WeightFormat(8, format.groupSize(), scheme, range, ScaleType.FLOAT16);
          final float[] back =
              Floats.toArray(
                  MatrixQuantizer.quantize("w", row, 1, row.length, f, new Workers(2)).dense());
          for (int i = 0; i < row.length; i++) {
            assertEquals(row[i], back[i], 0.005 * Math.abs(row[i]) + 1.2e-7, "of " + row[i]);
          }
        }
      }
    }
  }

  @Test
  void notANumberAndTooLargeWeightsAreRefusedByName() {
    final CompressionState nan = state();
    nan.weights().get(DOWN).putScalar(new int[] {1, 2}, Float.NaN);
    final BantamException e =
        assertThrows(BantamException.class, () -> step(8, OptionalInt.empty()).apply(nan));
    assertTrue(e.getMessage().contains("'" + DOWN + "' holds NaN at position 66"), e.getMessage());
    for (Range range : Range.values()) {
      for (Scheme scheme : WITH_ZERO) {
        final CompressionState huge = state();
        huge.weights().get(UP).putScalar(new int[] {3, 4}, 3e38f);
        final WeightFormat format =
            new WeightFormat(8, OptionalInt.empty(), scheme, range, ScaleType.FLOAT16);
        final BantamException tooLarge =
            assertThrows(
                BantamException.class, () -> new RoundToNearest(DEFAULT, format).apply(huge));
        assertTrue(
            tooLarge.getMessage().contains(UP)
                && tooLarge.getMessage().contains("scale-type: float32"),
            tooLarge.getMessage());
      }
    }
  }

  @Test
  void isTheDefaultQuantizationMethod() {
    final List<StepFactory> found =
        ServiceLoader.load(StepFactory.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(f -> f.step().equals("quantize"))
            .toList();
    assertEquals(List.of("rtn", "gptq"), found.stream().map(StepFactory::method).toList());
    assertTrue(found.get(0).isDefault());
  }
}

package dev.bantam.deltamerging;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.deltamerging.TensorMerger.Statistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Cases solved by hand, by enumeration, and properties that hold for every method. */
class OraclesTest {
  private static final long SEED = 7L;

  private static float[] merge(MergeRecipe recipe, float[] base, float[]... models) {
    return shaped(recipe, new long[] {models[0].length}, base, models);
  }

  private static float[] shaped(MergeRecipe recipe, long[] shape, float[] base, float[]... models) {
    final float[][] copies = Stream.of(models).map(float[]::clone).toArray(float[][]::new);
    return new TensorMerger(recipe, 1, SEED)
        .merge("w", shape, base == null ? null : base.clone(), copies, Precision.FLOAT32);
  }

  private static MergeRecipe recipe(
      MergeMethod method, int models, Map<String, ParameterValue> parameters) {
    final List<MergeRecipe.Model> names = new ArrayList<>();
    for (int t = 0; t < models; t++) {
      names.add(MergeRecipe.Model.of("m" + t, 1));
    }
    final boolean base =
        method.base() == MergeMethod.Base.ORIGIN || method.base() == MergeMethod.Base.END;
    return MergeRecipe.of(method, base ? "base" : null, names, parameters);
  }

  private static Map<String, ParameterValue> density(double value) {
    return Map.of("density", ParameterValue.of(value));
  }

  /** All 16 masks, each with its probability: mean and variance of one output of DARE. */
  @Test
  void meanAndVarianceByEnumeration() {
    final float[] delta = {.004f, -.002f, .001f, .003f};
    final double[] x = {1, 2, -1, .5};
    final double p = .75;
    double mean = 0;
    double square = 0;
    double exact = 0;
    double squares = 0;
    for (int i = 0; i < 4; i++) {
      exact += delta[i] * x[i];
      squares += delta[i] * x[i] * delta[i] * x[i];
    }
    for (int mask = 0; mask < 16; mask++) {
      final int drawn = mask;
      final MergeRecipe recipe =
          recipe(MergeMethod.TASK_ARITHMETIC, 1, density(1 - p))
              .with(Sparsifier.DARE, Rescale.INVERSE_DENSITY);
      final float[] merged =
          new TensorMerger(
                  recipe,
                  1,
                  SEED,
                  (d, c, m, q, r) -> {
                    for (int i = 0; i < 4; i++) {
                      d[i] = (drawn >> i & 1) == 1 ? d[i] : 0;
                    }
                  })
              .merge(
                  "w",
                  new long[] {4},
                  new float[4],
                  new float[][] {delta.clone()},
                  Precision.FLOAT32);
      double h = 0;
      for (int i = 0; i < 4; i++) {
        h += merged[i] * x[i];
      }
      final int kept = Integer.bitCount(mask);
      final double chance = Math.pow(1 - p, kept) * Math.pow(p, 4 - kept);
      mean += chance * h;
      square += chance * h * h;
    }
    assertEquals(5e-4, exact, 1e-9);
    assertEquals(exact, mean, 1e-9);
    assertEquals(1.0575e-4, square - mean * mean, 1e-9);
    assertEquals(p / (1 - p) * squares, square - mean * mean, 1e-9);
  }

  /** The drawn masks give the same mean and variance, within what so many draws allow. */
  @ParameterizedTest
  @EnumSource(
      value = Sparsifier.class,
      names = {"DARE", "DARE_EXACT", "DELLA"})
  void drawnMasksAreUnbiased(Sparsifier sparsifier) {
    final int n = 64;
    final int draws = 20_000;
    final double density = .25;
    final SplittableRandom random = new SplittableRandom(3);
    final float[] delta = new float[n];
    final double[] x = new double[n];
    double exact = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) {
      delta[i] = (float) (random.nextDouble() - .4) * .01f;
      x[i] = random.nextDouble() - .5;
      exact += delta[i] * x[i];
    }
    final float[] kappa = Della.keepProbabilities(delta, n, density, .1, Della.Scale.ROW_RANK);
    double expected = 0;
    for (int i = 0; i < n; i++) {
      final double term = delta[i] * x[i];
      squares += term * term;
      expected += term * term * (1 - kappa[i]) / kappa[i];
    }
    if (sparsifier == Sparsifier.DARE) {
      expected = (1 - density) / density * squares;
    } else if (sparsifier == Sparsifier.DARE_EXACT) {
      // sampling without replacement: K of N elements
      final double factor = (1 - density) / density * n / (n - 1);
      expected = factor * (squares - exact * exact / n);
    }
    final MergeRecipe recipe =
        recipe(
                MergeMethod.TASK_ARITHMETIC,
                1,
                Map.of("density", ParameterValue.of(density), "epsilon", ParameterValue.of(.1)))
            .with(sparsifier, Rescale.INVERSE_DENSITY);
    double sum = 0;
    double square = 0;
    for (int seed = 0; seed < draws; seed++) {
      final float[] merged =
          new TensorMerger(recipe, 1, seed)
              .merge(
                  "w",
                  new long[] {n},
                  new float[n],
                  new float[][] {delta.clone()},
                  Precision.FLOAT32);
      double h = 0;
      for (int i = 0; i < n; i++) {
        h += merged[i] * x[i];
      }
      sum += h;
      square += h * h;
    }
    final double mean = sum / draws;
    final double variance = square / draws - mean * mean;
    assertEquals(exact, mean, 4 * Math.sqrt(expected / draws), "mean");
    // the relative error of a variance of nearly normal values is sqrt(2 / draws) = 1 %
    assertEquals(expected, variance, 0.05 * expected, "variance");
  }

  @Test
  void exactMasksKeepExactlyAsManyAsAsked() {
    for (int n : new int[] {1, 2, 7, 1021, 5003}) {
      for (double density : new double[] {0, .1, .5, .9, 1}) {
        final float[] ones = new float[n];
        java.util.Arrays.fill(ones, 1);
        RandomMask.exact(ones, density, n);
        int kept = 0;
        for (float v : ones) {
          kept += v == 1 ? 1 : 0;
        }
        assertEquals((int) Math.rint(density * n), kept, n + " at " + density);
      }
    }
  }

  /** A mask follows from seed, tensor and model alone, and differs with each. */
  @Test
  void masksDependOnSeedTensorAndModel() {
    final long key = RandomMask.key(1, "a", "m");
    final long half = RandomMask.threshold(.5);
    final List<Long> others =
        List.of(
            RandomMask.key(2, "a", "m"), RandomMask.key(1, "b", "m"), RandomMask.key(1, "a", "n"));
    for (long other : others) {
      int equal = 0;
      for (int i = 0; i < 10_000; i++) {
        equal += RandomMask.keeps(key, i, half) == RandomMask.keeps(other, i, half) ? 1 : 0;
      }
      assertEquals(5_000, equal, 250); // 5 standard deviations
    }
    // published values of SplitMix64 started at 0
    assertEquals(0xe220a8397b1dcdafL, RandomMask.bits(0, 0));
    assertEquals(0x6e789e6aa1b965f4L, RandomMask.bits(0, 1));
    assertEquals(0x06c45d188009454fL, RandomMask.bits(0, 2));
  }

  @Test
  void limitsAreIdentities() {
    final float[] base = {.5f, -.25f, 1, 0, 3};
    final float[] tuned = {.75f, -.25f, .5f, .125f, 2.5f};
    final MergeRecipe all = recipe(MergeMethod.DARE_LINEAR, 1, density(1));
    assertArrayEquals(tuned, merge(all, base, tuned));
    final Map<String, ParameterValue> none =
        Map.of("density", ParameterValue.of(.5), "lambda", ParameterValue.of(0));
    assertArrayEquals(base, merge(recipe(MergeMethod.DARE_TIES, 1, none), base, tuned));
    assertArrayEquals(tuned, merge(recipe(MergeMethod.TASK_ARITHMETIC, 1, Map.of()), base, tuned));
    // dropping without rescaling keeps what is kept as it was
    final MergeRecipe dropOnly = all.with(Sparsifier.DARE, Rescale.NONE);
    final float[] dropped =
        merge(
            new MergeRecipe(
                dropOnly.method(),
                dropOnly.base(),
                dropOnly.models(),
                density(.5),
                dropOnly.sparsifier(),
                dropOnly.rescale(),
                List.of(),
                dropOnly.dtype()),
            base,
            tuned);
    for (int i = 0; i < base.length; i++) {
      assertTrue(dropped[i] == base[i] || dropped[i] == tuned[i]);
    }
  }

  /** Three trim rules on one case (0.4 dropped of five): each program's own count. */
  @Test
  void trimRulesDiffer() {
    final float[] first = {.5f, -.4f, .1f, .3f, -.02f};
    final float[] second = {-.2f, -.3f, .2f, 0, .6f};
    final float[] mergekit =
        merge(recipe(MergeMethod.TIES, 2, density(.6)), new float[5], first, second);
    assertArrayEquals(new float[] {.5f, -.35f, 0, .3f, .6f}, mergekit, 1e-7f);
    assertArrayEquals(
        new float[] {.5f, -.35f, .15f, .3f, .6f},
        wholeModel(.6, WholeModelTies.NoMajority.KEEP_NONE, first, second),
        1e-7f);
    assertArrayEquals(
        new float[] {.5f, -.35f, .15f, .3f, .6f}, // k = 5 - 3, as MergeLM's here
        wholeModel(.6, WholeModelTies.NoMajority.KEEP_NEGATIVE, first, second),
        1e-7f);
    // magnitudes of at least the third largest
    final float[][] ties = {first.clone(), second.clone()};
    for (float[] delta : ties) {
      WholeModelTies.trim(delta, Magnitudes.cut(delta, 2).bits());
    }
    final float[] tau = WholeModelTies.elect(ties, 1);
    WholeModelTies.reduce(
        ties, tau, WholeModelTies.NoMajority.KEEP_NONE, WholeModelTies.Reduction.MEAN);
    assertArrayEquals(new float[] {.5f, -.35f, .2f, .3f, .6f}, tau, 1e-7f);
  }

  private static float[] wholeModel(
      double density, WholeModelTies.NoMajority rule, float[]... deltas) {
    final float[][] copies = Stream.of(deltas).map(float[]::clone).toArray(float[][]::new);
    final WholeModelPass pass = new WholeModelPass(copies.length);
    pass.addUpper(copies);
    final double[] densities = new double[copies.length];
    java.util.Arrays.fill(densities, density);
    pass.choose(densities, rule);
    pass.addLower(copies);
    pass.chooseThresholds();
    final float[][] trimmed = Stream.of(deltas).map(float[]::clone).toArray(float[][]::new);
    pass.addSigns(trimmed);
    final float[] base = new float[deltas[0].length];
    pass.finish(rule).merge(base, copies, 1, Precision.FLOAT32);
    return base;
  }

  @Test
  void consensusByHand() {
    final float[] first = {.4f, -.2f, 0};
    final float[] second = {-.1f, -.3f, .5f};
    final Map<String, ParameterValue> sum = Map.of("normalize", ParameterValue.of(0));
    assertArrayEquals(
        new float[] {.4f, -.5f, .5f},
        merge(recipe(MergeMethod.TIES, 2, sum), new float[3], first, second),
        1e-7f);
    assertArrayEquals(
        new float[] {.4f, -.25f, .5f},
        merge(recipe(MergeMethod.TIES, 2, Map.of()), new float[3], first, second),
        1e-7f);
    assertArrayEquals(
        new float[] {.1f},
        merge(
            recipe(MergeMethod.TIES, 2, Map.of()),
            new float[1],
            new float[] {.1f},
            new float[] {-.1f}),
        1e-7f);
  }

  @Test
  void spheresByHand() {
    final float half = (float) Math.sqrt(.5);
    final float[] ends =
        merge(
            recipe(MergeMethod.SLERP, 1, Map.of("t", ParameterValue.of(.5))),
            new float[] {1, 0},
            new float[] {0, 2});
    assertArrayEquals(new float[] {half, 2 * half}, ends, 1e-6f);
    final MergeRecipe karcher = recipe(MergeMethod.KARCHER, 2, Map.of());
    assertArrayEquals(
        new float[] {1.5f * half, 1.5f * half},
        merge(karcher, null, new float[] {1, 0}, new float[] {0, 2}),
        1e-6f);
    final float third = (float) Math.sqrt(1 / 3.0);
    assertArrayEquals(
        new float[] {third, third, third},
        merge(
            recipe(MergeMethod.KARCHER, 3, Map.of()),
            null,
            new float[] {1, 0, 0},
            new float[] {0, 1, 0},
            new float[] {0, 0, 1}),
        1e-6f);
    // opposite ends have no mean direction: the plain mean
    assertArrayEquals(
        new float[] {.5f, 0}, merge(karcher, null, new float[] {2, 0}, new float[] {-1, 0}), 1e-6f);
  }

  @Test
  void modelStockByHand() {
    for (int count = 2; count <= 4; count++) {
      assertEquals((double) count / (count + 1), ModelStock.ratio(.5, count), 1e-12);
      assertEquals(0, ModelStock.ratio(0, count), 1e-12);
      assertEquals(1, ModelStock.ratio(1, count), 1e-12);
    }
    // two deltas of norm 1 at 60 degrees: 2/3 of their mean
    final float sine = (float) Math.sqrt(.75);
    assertArrayEquals(
        new float[] {1 + 2 / 3f * .75f, 1 + 2 / 3f * sine / 2},
        merge(
            recipe(MergeMethod.MODEL_STOCK, 2, Map.of()),
            new float[] {1, 1},
            new float[] {2, 1},
            new float[] {1.5f, 1 + sine}),
        1e-6f);
  }

  @Test
  void fisherByHand() {
    final MergeRecipe recipe = recipe(MergeMethod.FISHER, 2, Map.of("floor", ParameterValue.of(0)));
    final float[][] models = {{1, 0}, {0, 2}};
    final float[] merged =
        new TensorMerger(recipe, 1, SEED)
            .merge(
                "w",
                new long[] {2},
                null,
                models,
                Precision.FLOAT32,
                new Statistics(new float[][] {{4, 1}, {1, 1}}, new double[] {1, 1}),
                null);
    assertArrayEquals(new float[] {.8f, 1}, merged, 1e-7f);
  }

  @Test
  void regmeanByHand() {
    // one input: the mean of 1 and 3 weighed by 4 and 1
    assertArrayEquals(
        new float[] {1.4f},
        regmean(1, 1, new float[][] {{4}, {1}}, new float[][] {{1}, {3}}),
        1e-7f);
    // inputs that never occur together: each model's own columns
    final float[][] grams = {{2, 0, 0, 0}, {0, 0, 0, 3}};
    final float[][] models = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    assertArrayEquals(new float[] {1, 6, 3, 8}, regmean(2, 1, grams, models), 1e-6f);
    // equal weights stay, whatever the inputs
    final float[][] same = {{1, 2, 3, 4}, {1, 2, 3, 4}};
    final float[][] any = {{2, .5f, .5f, 1}, {1, -.3f, -.3f, 3}};
    assertArrayEquals(same[0].clone(), regmean(2, .7, any, same), 1e-6f);
  }

  private static float[] regmean(int in, double shrink, float[][] grams, float[][] models) {
    final MergeRecipe recipe =
        recipe(MergeMethod.REGMEAN, 2, Map.of("off_diagonal", ParameterValue.of(shrink)));
    return new TensorMerger(recipe, 1, SEED)
        .merge(
            "w",
            new long[] {models[0].length / in, in},
            null,
            Stream.of(models).map(float[]::clone).toArray(float[][]::new),
            Precision.FLOAT32,
            new Statistics(grams, new double[] {1, 1}),
            null);
  }

  @Test
  void dellaByHand() {
    final float[] delta = {.1f, -.5f, .3f, .2f};
    final float[] kappa = Della.keepProbabilities(delta, 4, .5, .2, Della.Scale.ROW_RANK);
    assertArrayEquals(new float[] {.3f, .7f, .56666667f, .43333333f}, kappa, 1e-6f);
    for (int i = 0; i < 4; i++) {
      delta[i] /= kappa[i];
    }
    assertArrayEquals(new float[] {.3333f, -.7143f, .5294f, .4615f}, delta, 1e-4f);
  }

  @Test
  void breadcrumbsOfTenKeepFive() {
    final float[] delta = {.1f, .2f, .3f, .4f, .5f, .6f, .7f, .8f, .9f, 1};
    Magnitudes.keepMiddle(delta, .5, .01);
    assertArrayEquals(new float[] {0, 0, 0, 0, 0, .6f, .7f, .8f, .9f, 1}, delta);
  }

  /** Against a sort: any rank range of values with many ties, signs and zeros. */
  @Test
  void rankSelectionAgreesWithSorting() {
    final SplittableRandom random = new SplittableRandom(11);
    for (int round = 0; round < 520; round++) {
      final int n = round < 500 ? 1 + random.nextInt(40) : 4097 + random.nextInt(90);
      final float[] values = new float[n];
      for (int i = 0; i < n; i++) {
        values[i] = (random.nextInt(9) - 4) * (round % 2 == 0 ? 1 : 1e-3f + random.nextInt(2));
      }
      final int skip = random.nextInt(n);
      final int keep = random.nextInt(n - skip + 1);
      final List<Integer> order = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        order.add(i);
      }
      order.sort((a, b) -> Float.compare(Math.abs(values[b]), Math.abs(values[a])));
      final float[] wanted = new float[n];
      order.subList(skip, skip + keep).forEach(i -> wanted[i] = values[i]);
      final float[] got = values.clone();
      Magnitudes.keepRanks(got, skip, keep);
      for (int i = 0; i < n; i++) {
        assertEquals(wanted[i], got[i], 0f, "skip " + skip + ", keep " + keep + " of " + n);
      }
    }
  }

  static Stream<MergeMethod> symmetric() {
    return Stream.of(
        MergeMethod.LINEAR,
        MergeMethod.TASK_ARITHMETIC,
        MergeMethod.TIES,
        MergeMethod.DARE_TIES,
        MergeMethod.KARCHER,
        MergeMethod.MODEL_STOCK,
        MergeMethod.SCE,
        MergeMethod.RAM);
  }

  /** The order of the models does not matter; masks go by the name of the model. */
  @ParameterizedTest
  @MethodSource("symmetric")
  void orderOfModelsDoesNotMatter(MergeMethod method) {
    final SplittableRandom random = new SplittableRandom(5);
    final float[][] all = new float[4][35];
    for (float[] tensor : all) {
      for (int i = 0; i < tensor.length; i++) {
        tensor[i] = (float) (random.nextDouble() - .5);
      }
    }
    final List<MergeRecipe.Model> models =
        List.of(
            MergeRecipe.Model.of("a", .5),
            MergeRecipe.Model.of("b", .3),
            MergeRecipe.Model.of("c", .9));
    final boolean base = method.base() == MergeMethod.Base.ORIGIN;
    final MergeRecipe forward = MergeRecipe.of(method, base ? "base" : null, models, density(.6));
    final MergeRecipe backward =
        MergeRecipe.of(
            method,
            base ? "base" : null,
            List.of(models.get(2), models.get(0), models.get(1)),
            density(.6));
    final float[] origin = base ? all[3] : null;
    final long[] shape = {5, 7};
    assertArrayEquals(
        shaped(forward, shape, origin, all[0], all[1], all[2]),
        shaped(backward, shape, origin, all[2], all[0], all[1]),
        1e-6f);
  }

  @Test
  void seedsChangeMasks() {
    final float[] ones = new float[100];
    java.util.Arrays.fill(ones, 1);
    final MergeRecipe recipe = recipe(MergeMethod.DARE_LINEAR, 1, density(.5));
    final float[] first =
        new TensorMerger(recipe, 1, 1)
            .merge(
                "w",
                new long[] {100},
                new float[100],
                new float[][] {ones.clone()},
                Precision.FLOAT32);
    final float[] second =
        new TensorMerger(recipe, 1, 2)
            .merge(
                "w",
                new long[] {100},
                new float[100],
                new float[][] {ones.clone()},
                Precision.FLOAT32);
    assertNotEquals(java.util.Arrays.toString(first), java.util.Arrays.toString(second));
  }
}

package dev.bantam.data;

import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Metrics of predicted classes. Classes are any ints; counts are exact, only the last division is
 * rounded. Zero over zero counts as zero, as in scikit-learn.
 */
public final class Classification {
  /** How the F1 of several classes becomes one number. */
  public enum Average {
    /** Mean over classes. */
    MACRO,
    /** Of the summed counts; for one class per example this is accuracy. */
    MICRO,
    /** Mean over classes, weighted with the number of gold examples. */
    WEIGHTED
  }

  private Classification() {}

  /** Share of positions where both arrays agree; for sets of classes, where the sets are equal. */
  public static double accuracy(int[] gold, int[] predicted) {
    requirePairs(gold, predicted);
    return (double) agreements(gold, predicted) / gold.length;
  }

  /** {@code F1 = 2 TP / (2 TP + FP + FN)} of class 1 (van Rijsbergen 1979). */
  public static double f1(int[] gold, int[] predicted) {
    requirePairs(gold, predicted);
    return Counts.ofClass(gold, predicted, 1).f1();
  }

  /** F1 over the classes that occur in gold or prediction. */
  public static double f1(int[] gold, int[] predicted, Average average) {
    return f1(gold, predicted, average, occurring(gold, predicted));
  }

  /** F1 over the given classes; one that does not occur has F1 0. */
  public static double f1(int[] gold, int[] predicted, Average average, int[] classes) {
    requirePairs(gold, predicted);
    return average(
        Arrays.stream(classes)
            .mapToObj(c -> Counts.ofClass(gold, predicted, c))
            .toArray(Counts[]::new),
        average);
  }

  /**
   * F1 of sets of classes, class i being bit i.
   *
   * @param classes number of classes, all of which count
   */
  public static double f1MultiLabel(int[] gold, int[] predicted, Average average, int classes) {
    requirePairs(gold, predicted);
    return average(
        IntStream.range(0, classes)
            .mapToObj(
                c ->
                    Counts.of(
                        i -> (gold[i] >> c & 1) == 1,
                        i -> (predicted[i] >> c & 1) == 1,
                        gold.length))
            .toArray(Counts[]::new),
        average);
  }

  /**
   * Matthews correlation coefficient of any number of classes (Matthews 1975; Gorodkin 2004):
   *
   * <pre>(c n - sum_k p_k t_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2))</pre>
   *
   * with n examples, c of them right, p_k predicted as class k and t_k of class k. For two classes
   * this is (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)). It is 0 where gold or prediction
   * has one class only, even if everything is right.
   */
  public static double mcc(int[] gold, int[] predicted) {
    requirePairs(gold, predicted);
    final long n = gold.length;
    long crossed = 0;
    long predictedSquares = 0;
    long goldSquares = 0;
    for (int k : occurring(gold, predicted)) {
      final long p = count(predicted, k);
      final long t = count(gold, k);
      crossed += p * t;
      predictedSquares += p * p;
      goldSquares += t * t;
    }
    final double root = Math.sqrt(n * n - predictedSquares) * Math.sqrt(n * n - goldSquares);
    return root == 0 ? 0 : (agreements(gold, predicted) * n - crossed) / root;
  }

  /** True and false positives and false negatives of one class. */
  private record Counts(long truePositives, long falsePositives, long falseNegatives) {
    static Counts ofClass(int[] gold, int[] predicted, int c) {
      return of(i -> gold[i] == c, i -> predicted[i] == c, gold.length);
    }

    static Counts of(IntPredicate gold, IntPredicate predicted, int n) {
      long tp = 0;
      long fp = 0;
      long fn = 0;
      for (int i = 0; i < n; i++) {
        final boolean g = gold.test(i);
        final boolean p = predicted.test(i);
        tp += g && p ? 1 : 0;
        fp += !g && p ? 1 : 0;
        fn += g && !p ? 1 : 0;
      }
      return new Counts(tp, fp, fn);
    }

    Counts plus(Counts o) {
      return new Counts(
          truePositives + o.truePositives,
          falsePositives + o.falsePositives,
          falseNegatives + o.falseNegatives);
    }

    long support() {
      return truePositives + falseNegatives;
    }

    double f1() {
      return ratio(2.0 * truePositives, 2.0 * truePositives + falsePositives + falseNegatives);
    }
  }

  private static double average(Counts[] classes, Average average) {
    Counts sum = new Counts(0, 0, 0);
    double f1 = 0;
    double weighted = 0;
    for (Counts c : classes) {
      sum = sum.plus(c);
      f1 += c.f1();
      weighted += c.support() * c.f1();
    }
    return switch (average) {
      case MACRO -> ratio(f1, classes.length);
      case MICRO -> sum.f1();
      case WEIGHTED -> ratio(weighted, sum.support());
    };
  }

  private static double ratio(double above, double below) {
    return below == 0 ? 0 : above / below;
  }

  private static int[] occurring(int[] gold, int[] predicted) {
    return IntStream.concat(Arrays.stream(gold), Arrays.stream(predicted))
        .distinct()
        .sorted()
        .toArray();
  }

  private static long count(int[] values, int value) {
    return Arrays.stream(values).filter(v -> v == value).count();
  }

  private static long agreements(int[] gold, int[] predicted) {
    return IntStream.range(0, gold.length).filter(i -> gold[i] == predicted[i]).count();
  }

  private static void requirePairs(int[] gold, int[] predicted) {
    if (gold.length != predicted.length || gold.length == 0) {
      throw new IllegalArgumentException(
          "A metric needs as many predictions as gold labels, at least one: "
              + gold.length
              + " gold, "
              + predicted.length
              + " predicted");
    }
  }
}

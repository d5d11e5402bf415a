package dev.bantam.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.DoubleSupplier;

/**
 * All metrics of a set of predictions, in the order of {@link TaskKind#metrics()}. Where a metric
 * is not defined (correlation with a constant, MCC with a single class) the score is 0 and its note
 * says why.
 */
public final class Scores {
  private Scores() {}

  /**
   * Accuracy, F1 and MCC of predicted classes. F1 is that of class 1 for two classes, as GLUE has
   * it, and otherwise the macro average over the classes that occur.
   *
   * @param gold class indices in [0, classes)
   * @param predicted class indices in [0, classes)
   */
  public static List<Score> classification(int[] gold, int[] predicted, int classes) {
    requireClasses(gold, classes);
    requireClasses(predicted, classes);
    final double f1 =
        classes == 2
            ? Classification.f1(gold, predicted)
            : Classification.f1(gold, predicted, Classification.Average.MACRO);
    return List.of(
        new Score(Metric.ACCURACY, Classification.accuracy(gold, predicted), ""),
        new Score(Metric.F1, f1, ""),
        new Score(Metric.MCC, Classification.mcc(gold, predicted), mccNote(gold, predicted)));
  }

  /**
   * F1 (macro average over all classes) and accuracy (share of sets that are exactly right) of
   * predicted sets of classes, class i being bit i.
   *
   * @param classes number of classes, 1 to {@link Task#MAX_MULTI_LABEL_CLASSES}
   */
  public static List<Score> multiLabel(int[] gold, int[] predicted, int classes) {
    return List.of(
        new Score(
            Metric.F1,
            Classification.f1MultiLabel(gold, predicted, Classification.Average.MACRO, classes),
            ""),
        new Score(Metric.ACCURACY, Classification.accuracy(gold, predicted), ""));
  }

  /**
   * F1 of the spans that the tags of the words form, over all sentences together (a span counts if
   * its words and its type are right), and the share of words whose tag is right.
   *
   * @param gold class index of each word, one array a sentence
   * @param predicted of the same lengths
   * @param labels the tags by class index: {@code O}, {@code B-TYPE}, {@code I-TYPE}
   */
  public static List<Score> tagging(List<int[]> gold, List<int[]> predicted, List<String> labels) {
    long right = 0;
    long both = 0;
    long words = 0;
    long same = 0;
    for (int s = 0; s < gold.size(); s++) {
      if (gold.get(s).length != predicted.get(s).length) {
        throw new IllegalArgumentException("Sentence " + s + " has other words");
      }
      final Set<Spans.Span> found = Spans.of(tags(predicted.get(s), labels));
      final Set<Spans.Span> expected = Spans.of(tags(gold.get(s), labels));
      both += found.size() + expected.size();
      right += expected.stream().filter(found::contains).count();
      words += gold.get(s).length;
      for (int w = 0; w < gold.get(s).length; w++) {
        same += gold.get(s)[w] == predicted.get(s)[w] ? 1 : 0;
      }
    }
    return List.of(
        both == 0
            ? new Score(Metric.SPAN_F1, 0, "neither the data nor the predictions have a span")
            : new Score(Metric.SPAN_F1, 2.0 * right / both, ""),
        new Score(Metric.ACCURACY, (double) same / words, ""));
  }

  /** Index of the tag of words outside of all spans. */
  public static int outside(List<String> labels) {
    final int outside = labels.indexOf(Spans.OUTSIDE);
    if (outside < 0) {
      throw new IllegalArgumentException("No tag 'O' among " + labels);
    }
    return outside;
  }

  private static List<String> tags(int[] classes, List<String> labels) {
    return Arrays.stream(classes).mapToObj(labels::get).toList();
  }

  /** Pearson's and Spearman's correlation of predicted numbers with the gold ones. */
  public static List<Score> regression(double[] gold, double[] predicted) {
    Correlation.requirePairs(gold, predicted);
    final String note = correlationNote(gold, predicted);
    final List<Score> scores = new ArrayList<>();
    scores.add(correlation(Metric.PEARSON, note, () -> Correlation.pearson(gold, predicted)));
    scores.add(correlation(Metric.SPEARMAN, note, () -> Correlation.spearman(gold, predicted)));
    return List.copyOf(scores);
  }

  private static Score correlation(Metric metric, String note, DoubleSupplier value) {
    return new Score(metric, note.isEmpty() ? value.getAsDouble() : 0, note);
  }

  private static String correlationNote(double[] gold, double[] predicted) {
    if (gold.length < 2) {
      return "fewer than two examples";
    }
    if (!Arrays.stream(predicted).allMatch(Double::isFinite)) {
      return "a prediction is not a finite number";
    }
    return constantNote(distinct(gold), distinct(predicted));
  }

  /** Number of distinct values; adding 0.0 makes -0.0 and 0.0 the same. */
  private static long distinct(double[] values) {
    return Arrays.stream(values).map(v -> v + 0.0).distinct().count();
  }

  private static String mccNote(int[] gold, int[] predicted) {
    return constantNote(
        Arrays.stream(gold).distinct().count(), Arrays.stream(predicted).distinct().count());
  }

  private static String constantNote(long goldValues, long predictedValues) {
    if (predictedValues < 2) {
      return "all predictions are the same";
    }
    return goldValues < 2 ? "all gold values are the same" : "";
  }

  private static void requireClasses(int[] values, int classes) {
    for (int v : values) {
      if (v < 0 || v >= classes) {
        throw new IllegalArgumentException("Class " + v + " of " + classes);
      }
    }
  }
}

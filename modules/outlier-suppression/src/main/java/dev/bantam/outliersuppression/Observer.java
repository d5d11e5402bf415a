package dev.bantam.outliersuppression;

import dev.bantam.compression.Settings;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;

/**
 * How the range of an activation follows from its values on the calibration texts.
 *
 * @param rule which
 * @param parameter percent of {@link Rule#PERCENTILE}, weight of a new batch of {@link
 *     Rule#MOVING_AVERAGE}, bins of {@link Rule#ENTROPY}, else 0
 * @param levels of {@link Rule#ENTROPY}, else 0
 */
record Observer(Rule rule, double parameter, int levels) {
  private static final int MOST_BINS = 1 << 14;

  /** The rules. */
  enum Rule {
    /** The smallest and the largest value. */
    MIN_MAX,
    /** The mean over batches of the smallest and the largest value. */
    AVERAGE,
    /** The same with a moving average. */
    MOVING_AVERAGE,
    /** Without the same share of values at either end. */
    PERCENTILE,
    /** The part of the range of least squared error of the rounded values. */
    MSE,
    /** The threshold of least divergence of the distribution of rounded values. */
    KL,
    /** The same as ONNX Runtime does it. */
    ENTROPY
  }

  Observer(Rule rule, double parameter) {
    this(rule, parameter, 0);
  }

  Observer {
    Objects.requireNonNull(rule, "rule");
  }

  /** The smallest and the largest value. */
  static final Observer MIN_MAX = new Observer(Rule.MIN_MAX, 0);

  /** Reads {@code observer} and what belongs to it; this is the home of their defaults. */
  static Observer read(Settings settings) {
    final Rule rule = settings.choice("observer", Rule.class, Rule.MIN_MAX);
    final int levels = rule == Rule.ENTROPY ? settings.integer("levels", 2, MOST_BINS / 2, 128) : 0;
    return new Observer(
        rule,
        switch (rule) {
          case ENTROPY -> bins(settings, levels);
          case PERCENTILE -> settings.number("percentile", 50.0, 100.0, 99.99);
          case MOVING_AVERAGE -> settings.number("momentum", 1e-6, 1.0, 0.1);
          case MIN_MAX, AVERAGE, MSE, KL -> 0;
        },
        levels);
  }

  /** With as many bins as levels there is one threshold to choose from, the largest value. */
  private static int bins(Settings settings, int levels) {
    final int bins = settings.integer("bins", 4, MOST_BINS, 2048);
    if (bins < 2 * levels) {
      settings.problem(
          "bins",
          bins
              + " bins for "
              + levels
              + " levels leave hardly a threshold to choose from. Take at least twice as many bins,"
              + " or 'observer: min-max'.");
    }
    return bins;
  }

  /** Takes values batch by batch and gives their range. */
  interface Accumulator {
    /** Values of the next batch, [rows, columns]. */
    void add(float[] x, int rows, int columns);

    /** The range so far. */
    Range range();
  }

  /** A new accumulator, for codes of a width. */
  Accumulator accumulator(Codes codes, int bits) {
    return switch (rule) {
      case MIN_MAX -> ofBatches(RangeOfBatches.union());
      case AVERAGE -> ofBatches(RangeOfBatches.mean());
      case MOVING_AVERAGE -> ofBatches(RangeOfBatches.moving(parameter));
      case PERCENTILE -> ofHistogram(h -> HistogramRanges.percentile(h, parameter));
      case MSE -> ofHistogram(h -> HistogramRanges.leastSquares(h, codes, bits));
      case KL -> ofHistogram(h -> HistogramRanges.divergence(h, codes, bits));
      case ENTROPY -> ofGrowing(new GrowingHistogram((int) parameter), levels);
    };
  }

  /** Whether values are kept in a histogram until the end. */
  boolean needsHistogram() {
    return rule == Rule.PERCENTILE || rule == Rule.MSE || rule == Rule.KL || rule == Rule.ENTROPY;
  }

  private static Accumulator ofBatches(RangeOfBatches batches) {
    return new Accumulator() {
      @Override
      public void add(float[] x, int rows, int columns) {
        batches.add(BatchRange.minMax(x, rows, columns));
      }

      @Override
      public Range range() {
        return batches.range();
      }
    };
  }

  private static Accumulator ofGrowing(GrowingHistogram histogram, int levels) {
    return new Accumulator() {
      @Override
      public void add(float[] x, int rows, int columns) {
        histogram.add(x, rows * columns);
      }

      @Override
      public Range range() {
        return EntropyCalibration.choose(histogram, levels);
      }
    };
  }

  private static Accumulator ofHistogram(Function<StreamedHistogram, Range> rule) {
    final StreamedHistogram histogram = new StreamedHistogram();
    return new Accumulator() {
      @Override
      public void add(float[] x, int rows, int columns) {
        histogram.add(x, rows * columns);
      }

      @Override
      public Range range() {
        return rule.apply(histogram);
      }
    };
  }

  /** E.g. {@code percentile 99.99}. */
  String describe() {
    final String word = rule.name().toLowerCase(Locale.ROOT).replace('_', '-');
    if (rule == Rule.ENTROPY) {
      return word + ", " + (int) parameter + " bins for " + levels + " levels";
    }
    return parameter == 0 ? word : word + " " + parameter;
  }
}

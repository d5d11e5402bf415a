package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The metrics of result files, under the names that stand there. Values are fractions. */
public enum Metric {
  /** Share of examples predicted exactly right; see {@link Classification#accuracy}. */
  ACCURACY,
  /** Harmonic mean of precision and recall; which average, says {@link Scores}. */
  F1,
  /** Matthews correlation coefficient; see {@link Classification#mcc}. */
  MCC,
  /** Linear correlation; see {@link Correlation#pearson}. */
  PEARSON,
  /** Rank correlation; see {@link Correlation#spearman}. */
  SPEARMAN,
  /** F1 over whole entity spans. */
  SPAN_F1,
  /** Mean reciprocal rank of the right document among the first ten. */
  MRR,
  /** Share of queries with the right document among the first ten. */
  RECALL10,
  /** Mean cosine between an embedding and that of the dense model. */
  COSINE,
  /** Mean share of the ten nearest neighbours that the dense model has too. */
  NEIGHBOURS,
  /** Mean loss per example; the one metric of which less is better. */
  LOSS;

  /** The name in experiment files and results. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether a larger value is a better one. */
  public boolean higherIsBetter() {
    return this != LOSS;
  }

  /**
   * The metric of that name.
   *
   * @throws BantamException ({@link ExitCode#BAD_FILE}) naming the closest metric if there is none
   */
  public static Metric of(String id) {
    final List<String> ids = Arrays.stream(values()).map(Metric::id).toList();
    final int at = ids.indexOf(id);
    if (at < 0) {
      throw new BantamException(
          ExitCode.BAD_FILE, "Unknown metric '" + id + "'." + KnownNames.hint(id, ids));
    }
    return values()[at];
  }
}

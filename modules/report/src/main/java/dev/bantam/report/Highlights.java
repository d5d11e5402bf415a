package dev.bantam.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** The section in plain words: what was compared, and the best trade-offs with their numbers. */
final class Highlights {
  private static final double[] KEPT = {0.99, 0.95};

  /** The better of two equally large ones first. */
  private static final Comparator<SummaryRow> SMALLEST =
      Comparator.comparingLong((SummaryRow row) -> row.bytes().getAsLong())
          .thenComparing(row -> -row.recovery().getAsDouble());

  private final Section section;

  Highlights(Section section) {
    this.section = section;
  }

  /** What was compared and how, for readers who have never heard of it. */
  List<String> sentences() {
    final List<String> all = new ArrayList<>();
    if (section.metric().isEmpty()) {
      all.add("Every cell of " + section.title() + " failed; there is nothing to compare.");
      return all;
    }
    all.add(compared());
    all.addAll(explained());
    all.add(measured());
    return all;
  }

  /** The best trade-offs, one sentence each. */
  List<String> findings() {
    final List<String> all = new ArrayList<>();
    for (SummaryRow dense : section.dense()) {
      all.add("The model as it is (" + section.name(dense) + ") has " + scoreAndSize(dense) + ".");
    }
    all.addAll(tradeOffs());
    if (section.rows().stream().anyMatch(row -> row.n() == 1)) {
      all.add(
          "Numbers with n = 1 come from a single replicate: small differences between them may be"
              + " chance.");
    }
    return all;
  }

  private String compared() {
    final int others = section.compressed().size();
    return String.format(
        Locale.ROOT,
        "This compares %d compressed version%s of the model %s on the task %s with the model as it"
            + " is (\"dense\").",
        others,
        others == 1 ? "" : "s",
        section.model(),
        section.task());
  }

  private List<String> explained() {
    final List<String> all = new ArrayList<>();
    if (section.groups().stream().anyMatch(group -> group.hasStep(StepRecord.PRUNE))) {
      all.add("Pruning sets weights to zero, and zeros need not be stored.");
    }
    if (section.groups().stream().anyMatch(group -> group.hasStep(StepRecord.QUANTIZE))) {
      all.add("Quantization stores each weight with fewer bits.");
    }
    return all;
  }

  private String measured() {
    final Set<Integer> examples = section.examples();
    final String rows =
        String.join(" or ", examples.stream().map(n -> Numbers.grouped(n)).toList());
    return String.format(
        Locale.ROOT,
        "%s was measured on %s rows of %s with %d seed%s; recovery is the share of the dense value"
            + " that a version keeps.",
        Metrics.title(section.metric()),
        rows,
        section.split(),
        section.seeds(),
        section.seeds() == 1 ? "" : "s");
  }

  private static String scoreAndSize(SummaryRow row) {
    return String.format(
        Locale.ROOT,
        "%s %s in a file of %s MB",
        Metrics.title(row.metric()).toLowerCase(Locale.ROOT),
        Numbers.fixed(row.mean().getAsDouble(), 4),
        Numbers.megabytes(row.bytes().getAsLong()));
  }

  private String inWords(SummaryRow row) {
    return String.format(
        Locale.ROOT,
        "%s: %s, %s times smaller than in float32; it keeps %s %%",
        section.name(row),
        scoreAndSize(row),
        Numbers.fixed(row.ratioFp32().getAsDouble(), 2),
        Numbers.fixed(100 * row.recovery().getAsDouble(), 1));
  }

  private List<String> tradeOffs() {
    final List<SummaryRow> known =
        section.compressed().stream()
            .filter(row -> row.n() > 0 && row.recovery().isPresent())
            .sorted(SMALLEST)
            .toList();
    final List<String> all = new ArrayList<>();
    if (known.isEmpty()) {
      return all;
    }
    final Set<SummaryRow> told = new LinkedHashSet<>();
    for (double kept : KEPT) {
      final String share = Numbers.fixed(100 * kept, 0) + " %";
      final Optional<SummaryRow> best =
          known.stream().filter(row -> row.recovery().getAsDouble() >= kept).findFirst();
      if (best.isEmpty()) {
        all.add("No version keeps " + share + " of the dense value.");
      } else if (told.add(best.get())) {
        all.add(
            "The smallest that keeps at least " + share + " of it is " + inWords(best.get()) + ".");
      }
    }
    if (told.add(known.get(0))) {
      all.add("The smallest of all is " + inWords(known.get(0)) + ".");
    }
    return all;
  }
}

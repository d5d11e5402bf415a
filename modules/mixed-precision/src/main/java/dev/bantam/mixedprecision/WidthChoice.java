package dev.bantam.mixedprecision;

import dev.bantam.compression.Settings;
import dev.bantam.mixedprecision.BitAllocation.Budget;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * How widths are chosen.
 *
 * @param bits the widths to choose from, ascending, at least two of 2..8
 * @param average most bits a weight, codes alone, over all chosen matrices together; the largest
 *     width where only the bytes count
 * @param megabytes most bytes of all chosen matrices together, scales and zero points included, in
 *     10^6; empty for no such limit
 * @param sensitivity by what
 * @param unit which matrices get the same width
 * @param evidence what is measured for it
 * @param draw tells random choices of one seed apart
 */
record WidthChoice(
    List<Integer> bits,
    double average,
    OptionalDouble megabytes,
    Sensitivity sensitivity,
    Unit unit,
    Evidence evidence,
    int draw) {
  private static final int MOST = 1 << 20;

  WidthChoice {
    bits = List.copyOf(bits);
  }

  /** Reads what is written under {@code allocate}. */
  static WidthChoice read(Settings settings) {
    final List<Integer> bits =
        List.copyOf(new TreeSet<>(settings.wholeNumbers("bits", 2, 8, List.of(2, 3))));
    final OptionalDouble megabytes =
        settings.has("megabytes")
            ? OptionalDouble.of(settings.number("megabytes", 1e-6, 1e9, null))
            : OptionalDouble.empty();
    final double average =
        megabytes.isPresent() && !settings.has("average")
            ? bits.isEmpty() ? 8 : bits.get(bits.size() - 1)
            : settings.number("average", 2, 8, null);
    final Sensitivity sensitivity =
        settings.choice("sensitivity", Sensitivity.class, Sensitivity.HESSIAN_TRACE);
    final Unit unit =
        sensitivity == Sensitivity.Q_BERT
            ? Unit.LAYER
            : settings.choice("unit", Unit.class, Unit.MATRIX);
    final int draw = sensitivity == Sensitivity.RANDOM ? settings.integer("draw", 1, MOST, 1) : 1;
    checkWidths(settings, bits, average, sensitivity);
    if (sensitivity == Sensitivity.COMPLEMENT && megabytes.isPresent()) {
      settings.problem("megabytes", "widths that are swapped do not keep to bytes. Delete it.");
    }
    return new WidthChoice(
        bits, average, megabytes, sensitivity, unit, evidence(settings, sensitivity), draw);
  }

  private static Evidence evidence(Settings settings, Sensitivity sensitivity) {
    return switch (sensitivity) {
      case HESSIAN_TRACE, REVERSED, COMPLEMENT ->
          new Evidence.HessianTraces(
              settings.integer("probes", Evidence.LEAST, MOST, 32),
              settings.integer("batch", 1, 1 << 12, 32));
      case Q_BERT ->
          new Evidence.TopEigenvalues(
              settings.integer("slices", Evidence.LEAST, 1000, 5),
              settings.integer("batches", 1, MOST, 1),
              settings.integer("products", 1, 10_000, 20));
      case FISHER_TRACE ->
          new Evidence.FisherTraces(settings.integer("examples", Evidence.LEAST, MOST, 512));
      case ERROR, RANDOM -> new Evidence.None();
    };
  }

  private static void checkWidths(
      Settings settings, List<Integer> bits, double average, Sensitivity sensitivity) {
    if (bits.size() < 2) {
      settings.problem(
          "bits",
          "there is nothing to choose from. List at least two widths, or write 'bits: "
              + (bits.isEmpty() ? "4" : bits.get(0))
              + "' in place of 'allocate'.");
      return;
    }
    if (!settings.has("average")) {
      return; // was reported
    }
    final int low = bits.get(0);
    final int high = bits.get(bits.size() - 1);
    if (average < low || average > high) {
      settings.problem(
          "average",
          String.format(
              Locale.ROOT,
              "%s is not between the smallest and the largest width, %d and %d.",
              average,
              low,
              high));
    }
    if (sensitivity == Sensitivity.COMPLEMENT
        && (bits.size() != 2 || average != (low + high) / 2.0)) {
      settings.problem(
          "sensitivity",
          "to swap widths at the same size takes two of them and the average halfway between.");
    }
  }

  /** Name of the method as it is carried out, e.g. {@code mp-2-3-hessian}. */
  String method() {
    return "mp-"
        + bits.stream().map(b -> Integer.toString(b)).collect(Collectors.joining("-"))
        + "-"
        + sensitivity.word()
        + (sensitivity == Sensitivity.RANDOM ? "-" + draw : "");
  }

  /** Most bits for so many weights, and most bytes. */
  Budget budget(long weights) {
    return new Budget(
        (long) Math.floor(average * weights),
        megabytes.isPresent() ? (long) Math.floor(megabytes.getAsDouble() * 1e6) : Long.MAX_VALUE);
  }

  private String limits() {
    final boolean all = megabytes.isPresent() && average == bits.get(bits.size() - 1);
    return (all ? "" : average + " on average")
        + (megabytes.isPresent()
            ? (all ? "" : " and ") + "in at most " + megabytes.getAsDouble() + " MB"
            : "");
  }

  /** E.g. {@code of 2 or 3 bit, 2.5 on average by hessian-trace (32 probes of 32 examples)}. */
  String describe() {
    final String how = evidence.describe();
    return String.format(
        Locale.ROOT,
        "of %s bit, %s by %s%s",
        bits.stream().map(b -> Integer.toString(b)).collect(Collectors.joining(" or ")),
        limits(),
        sensitivity.name().toLowerCase(Locale.ROOT).replace('_', '-'),
        how.isEmpty() ? "" : " (" + how + ")");
  }

  /** With less work. */
  WidthChoice smoke() {
    return new WidthChoice(bits, average, megabytes, sensitivity, unit, evidence.smoke(), draw);
  }
}

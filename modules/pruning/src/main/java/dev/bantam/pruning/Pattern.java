package dev.bantam.pruning;

import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.TensorSelector;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;

/**
 * Which weights go together.
 *
 * @param size consecutive inputs of a row that go or stay together; 1 for single weights
 * @param kept of every {@code of} consecutive inputs this many stay; 0 where {@code of} is 0
 * @param of 0 for a free choice under a sparsity
 */
record Pattern(int size, int kept, int of) {
  /** Every weight for itself. */
  static final Pattern UNSTRUCTURED = new Pattern(1, 0, 0);

  private static final java.util.regex.Pattern BLOCK =
      java.util.regex.Pattern.compile("block-([0-9]{1,2})");
  private static final java.util.regex.Pattern N_OF_M =
      java.util.regex.Pattern.compile("([0-9])of([0-9])");
  private static final int LARGEST_BLOCK = 32;
  private static final int LARGEST_M = 8;

  /** Reads {@code pattern:}. */
  static Pattern read(Settings settings) {
    final String text = settings.text("pattern", "unstructured");
    final Matcher block = BLOCK.matcher(text);
    final Matcher some = N_OF_M.matcher(text);
    if (block.matches()) {
      final int size = Integer.parseInt(block.group(1));
      if (size >= 2 && size <= LARGEST_BLOCK) {
        return new Pattern(size, 0, 0);
      }
    } else if (some.matches()) {
      final int n = Integer.parseInt(some.group(1));
      final int m = Integer.parseInt(some.group(2));
      if (n >= 1 && n < m && m <= LARGEST_M) {
        return new Pattern(1, n, m);
      }
    } else if (text.equals("unstructured")) {
      return UNSTRUCTURED;
    }
    settings.problem(
        "pattern",
        "'"
            + text
            + "' is not known. Write unstructured, block-4 (up to block-"
            + LARGEST_BLOCK
            + ": that many neighbouring inputs go together) or 2of4 (up to 7of8: so many of so many"
            + " neighbouring inputs stay).");
    return UNSTRUCTURED;
  }

  /** Whether a number of weights of each group stays, instead of a share of all. */
  boolean isFixed() {
    return of > 0;
  }

  /** The share that a fixed pattern removes. */
  double sparsity() {
    return 1 - (double) kept / of;
  }

  /** Inputs that must not be cut apart. */
  int width() {
    return isFixed() ? of : size;
  }

  /** A problem if whole groups are to go, for a method that cannot do that. */
  List<StepProblem> refuseBlocks(String method) {
    return size == 1
        ? List.of()
        : List.of(
            new StepProblem(
                "pattern",
                "'"
                    + method
                    + "' removes single weights. Write unstructured or 2of4 (up to 7of8), or take"
                    + " another method for blocks."));
  }

  /**
   * The step of a criterion that has this pattern, read with {@code sparsity:} where the pattern
   * does not say it, and with {@code schedule:} and {@code train:}.
   */
  Step step(Settings settings, Criterion criterion) {
    if (isFixed() && settings.has("schedule")) {
      settings.problem(
          "schedule",
          "pattern "
              + this
              + " has one sparsity, so nothing can be gradual. Delete the key; 'train:' alone"
              + " trains what is left.");
    }
    return PruningStep.read(
        settings, TensorSelector.read(settings), criterion, () -> sparsity(settings));
  }

  private double sparsity(Settings settings) {
    if (!isFixed()) {
      return settings.number("sparsity", 0, Math.nextDown(1.0), null);
    }
    if (settings.has("sparsity")) {
      settings.problem(
          "sparsity", "pattern " + this + " says how many weights go. Delete the key.");
      settings.number("sparsity", 0, 1, null);
    }
    return sparsity();
  }

  List<StepProblem> check(Map<String, long[]> matrices, int block) {
    final List<StepProblem> problems = new ArrayList<>();
    if (block % width() != 0) {
      problems.add(
          new StepProblem(
              "block",
              String.format(
                  Locale.ROOT,
                  "Fisher blocks of %d cut groups of %d weights apart. Choose a multiple of %d.",
                  block,
                  width(),
                  width())));
    }
    problems.addAll(check(matrices));
    return problems;
  }

  /** Matrices whose rows the groups do not divide. */
  List<StepProblem> check(Map<String, long[]> matrices) {
    final List<StepProblem> problems = new ArrayList<>();
    matrices.forEach(
        (name, shape) -> {
          if (shape[1] % width() != 0) {
            problems.add(
                new StepProblem(
                    "pattern",
                    String.format(
                        Locale.ROOT,
                        "'%s' is [%d x %d], and groups of %d inputs leave %d over. List it under"
                            + " 'skip', or choose another pattern.",
                        name,
                        shape[0],
                        shape[1],
                        width(),
                        shape[1] % width())));
          }
        });
    return problems;
  }

  @Override
  public String toString() {
    return isFixed() ? kept + "of" + of : size == 1 ? "unstructured" : "block-" + size;
  }
}

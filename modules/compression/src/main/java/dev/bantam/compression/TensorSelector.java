package dev.bantam.compression;

import dev.bantam.checkpoint.NamePattern;
import dev.bantam.compression.Step.StepProblem;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Which tensors a step works on: those that match a target and no skip pattern.
 *
 * @param targets {@link NamePattern}s, by default the matrices of the encoder layers
 * @param skip patterns of tensors to leave out
 */
public record TensorSelector(List<String> targets, List<String> skip) {
  /** The six matrices of each encoder layer. */
  public static final List<String> ENCODER_MATRICES =
      List.of(
          "encoder.layer.*.attention.self.*.weight",
          "encoder.layer.*.output.dense.weight",
          "encoder.layer.*.intermediate.dense.weight");

  private static final Pattern ENCODER =
      Pattern.compile(
          "encoder\\.layer\\.[0-9]+\\.(attention\\.self\\.(query|key|value)"
              + "|attention\\.output\\.dense|intermediate\\.dense|output\\.dense)\\.weight");

  public TensorSelector {
    targets = List.copyOf(targets);
    skip = List.copyOf(skip);
  }

  /** Reads {@code targets:} and {@code skip:}. */
  public static TensorSelector read(Settings settings) {
    final TensorSelector selector =
        new TensorSelector(
            settings.texts("targets", ENCODER_MATRICES), settings.texts("skip", List.of()));
    selector.targets.forEach(p -> checkSyntax(settings, "targets", p));
    selector.skip.forEach(p -> checkSyntax(settings, "skip", p));
    return selector;
  }

  private static void checkSyntax(Settings settings, String key, String pattern) {
    try {
      NamePattern.of(pattern);
    } catch (PatternSyntaxException e) {
      settings.problem(
          key, "'" + pattern + "' is not a regular expression: " + e.getDescription() + ".");
    }
  }

  /** Whether a parameter is one of the six matrices of an encoder layer. */
  public static boolean isEncoderMatrix(String name) {
    return ENCODER.matcher(name).matches();
  }

  private static boolean matches(String pattern, String name) {
    return NamePattern.of(pattern).matches(name);
  }

  /** The selected matrices, in the model's order. */
  public List<String> select(Map<String, long[]> shapes) {
    return shapes.keySet().stream()
        .filter(name -> targets.stream().anyMatch(p -> matches(p, name)))
        .filter(name -> skip.stream().noneMatch(p -> matches(p, name)))
        .toList();
  }

  /** Patterns that match nothing, selected tensors that are no matrices, an empty selection. */
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>();
    patternsThatMatchNothing("targets", targets, shapes, problems);
    patternsThatMatchNothing("skip", skip, shapes, problems);
    final List<String> selected = select(shapes);
    for (String name : selected) {
      if (shapes.get(name).length != 2) {
        problems.add(
            new StepProblem(
                "targets",
                "'"
                    + name
                    + "' "
                    + Arrays.toString(shapes.get(name))
                    + " is not a matrix. List it under 'skip', or name matrices only."));
      }
    }
    if (selected.isEmpty() && problems.isEmpty()) {
      problems.add(
          new StepProblem("skip", "every target is skipped, so the step would do nothing."));
    }
    return problems;
  }

  private static void patternsThatMatchNothing(
      String key, List<String> patterns, Map<String, long[]> shapes, List<StepProblem> problems) {
    for (String pattern : patterns) {
      if (shapes.keySet().stream().noneMatch(name -> matches(pattern, name))) {
        problems.add(new StepProblem(key, NamePattern.matchesNothing(pattern)));
      }
    }
  }
}

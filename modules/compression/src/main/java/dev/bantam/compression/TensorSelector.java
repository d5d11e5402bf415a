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
 * @param targets {@link NamePattern}s, by default the matrices of the encoder layers, which stand
 *     for those of all layers in a network that is no encoder
 * @param skip patterns of tensors to leave out
 */
public record TensorSelector(List<String> targets, List<String> skip) {
  /** The six matrices of each encoder layer. */
  public static final List<String> ENCODER_MATRICES =
      List.of(
          "encoder.layer.*.attention.self.*.weight",
          "encoder.layer.*.output.dense.weight",
          "encoder.layer.*.intermediate.dense.weight");

  /** Begins the names of all parameters of a network that is no encoder. */
  public static final String NETWORK_PREFIX = "network.";

  /** The weights of all layers of such a network. */
  public static final List<String> NETWORK_MATRICES = List.of("network.*.W", "network.*.RW");

  private static final Pattern NETWORK = Pattern.compile("network\\..+\\.R?W");

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
    return new TensorSelector(
        patterns(settings, "targets", ENCODER_MATRICES), patterns(settings, "skip", List.of()));
  }

  /** Reads patterns of names; those that are none are problems. */
  public static List<String> patterns(Settings settings, String key, List<String> fallback) {
    final List<String> patterns = settings.texts(key, fallback);
    for (String pattern : patterns) {
      try {
        NamePattern.of(pattern);
      } catch (PatternSyntaxException e) {
        settings.problem(
            key, "'" + pattern + "' is not a regular expression: " + e.getDescription() + ".");
      }
    }
    return patterns;
  }

  /** Whether a parameter is one of the six matrices of an encoder layer. */
  public static boolean isEncoderMatrix(String name) {
    return ENCODER.matcher(name).matches();
  }

  /** Whether a parameter is a matrix of a layer: of an encoder's, or of another network's. */
  public static boolean isLayerMatrix(String name) {
    return isEncoderMatrix(name) || isNetworkMatrix(name);
  }

  private static boolean isNetworkMatrix(String name) {
    return NETWORK.matcher(name).matches();
  }

  /** The targets for a model: the default means the matrices of its layers, whatever it is. */
  private List<String> targets(Map<String, long[]> shapes) {
    if (!targets.equals(ENCODER_MATRICES)
        || shapes.keySet().stream().noneMatch(TensorSelector::isNetworkMatrix)) {
      return targets;
    }
    return NETWORK_MATRICES.stream()
        .filter(p -> shapes.keySet().stream().anyMatch(name -> matches(p, name)))
        .toList();
  }

  /** Whether a name matches one of some patterns. */
  static boolean matchesAny(List<String> patterns, String name) {
    return patterns.stream().anyMatch(p -> matches(p, name));
  }

  private static boolean matches(String pattern, String name) {
    return NamePattern.of(pattern).matches(name);
  }

  /** The selected matrices, in the model's order. */
  public List<String> select(Map<String, long[]> shapes) {
    final List<String> wanted = targets(shapes);
    return shapes.keySet().stream()
        .filter(name -> matchesAny(wanted, name))
        .filter(name -> !matchesAny(skip, name))
        .toList();
  }

  /** Patterns that match nothing, selected tensors that are no matrices, an empty selection. */
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems =
        new ArrayList<>(unmatched("targets", targets(shapes), shapes));
    problems.addAll(unmatched("skip", skip, shapes));
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

  /** Problems with patterns that match no name. */
  static List<StepProblem> unmatched(
      String key, List<String> patterns, Map<String, long[]> shapes) {
    return patterns.stream()
        .filter(pattern -> shapes.keySet().stream().noneMatch(name -> matches(pattern, name)))
        .map(pattern -> new StepProblem(key, NamePattern.matchesNothing(pattern)))
        .toList();
  }
}

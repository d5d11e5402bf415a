package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.NamePattern;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.model.Site;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.PatternSyntaxException;

/**
 * Which of the inputs of matrix products a step is for, by the names of their sites.
 *
 * @param targets patterns of names of sites
 * @param skip patterns of sites to leave out
 */
record SiteSelector(List<String> targets, List<String> skip) {
  SiteSelector {
    targets = List.copyOf(targets);
    skip = List.copyOf(skip);
  }

  static SiteSelector read(Settings settings) {
    return new SiteSelector(
        patterns(settings, "targets", List.of("layer.*")), patterns(settings, "skip", List.of()));
  }

  private static List<String> patterns(Settings settings, String key, List<String> fallback) {
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

  /** The sites among the product inputs of so many layers, in forward order. */
  List<Site> select(int layers) {
    return EncoderPlaces.productInputs(layers).stream()
        .filter(site -> matchesAny(targets, site))
        .filter(site -> !matchesAny(skip, site))
        .toList();
  }

  private static boolean matchesAny(List<String> patterns, Site site) {
    return patterns.stream().anyMatch(p -> NamePattern.of(p).matches(site.toString()));
  }

  List<StepProblem> check(int layers) {
    if (layers == 0) {
      return List.of(
          new StepProblem(
              "targets", "the model has no encoder layers, so there are no such activations."));
    }
    final List<StepProblem> problems = new ArrayList<>();
    unmatched("targets", targets, layers, problems);
    unmatched("skip", skip, layers, problems);
    if (problems.isEmpty() && select(layers).isEmpty()) {
      problems.add(
          new StepProblem("skip", "every target is skipped, so the step would do nothing."));
    }
    return problems;
  }

  private static void unmatched(
      String key, List<String> patterns, int layers, List<StepProblem> problems) {
    final List<Site> sites = EncoderPlaces.productInputs(layers);
    for (String pattern : patterns) {
      if (sites.stream().noneMatch(site -> matchesAny(List.of(pattern), site))) {
        problems.add(
            new StepProblem(
                key,
                "'"
                    + pattern
                    + "' matches no input of a matrix product. Those are named like "
                    + sites.get(0)
                    + ", with the endings "
                    + String.join(
                        ", ",
                        sites.stream()
                            .filter(site -> site.layer() == 0)
                            .map(site -> site.toString().substring("layer.0.".length()))
                            .toList())
                    + "."));
      }
    }
  }
}

package dev.bantam.runner.experiment;

import dev.bantam.compression.Settings;
import java.util.List;
import java.util.Optional;

/** Two steps that are read as real ones are, without the modules that carry them out. */
final class TestCatalogue implements Catalogue<TestCatalogue.Step> {
  sealed interface Step {}

  enum Ranking {
    GLOBAL,
    LAYER
  }

  record Prune(double sparsity, Ranking ranking, List<String> targets, List<String> skip)
      implements Step {
    Prune {
      if (!(sparsity > 0 && sparsity < 1)) {
        throw new IllegalArgumentException("sparsity " + sparsity);
      }
    }
  }

  record Schedule(double from, double to, int events) {}

  record Gradual(Schedule schedule) implements Step {}

  record Quantize(int bits, boolean symmetric, String groupSize, List<String> targets)
      implements Step {}

  static ExperimentFile<Step> parse(String yaml) {
    return new ExperimentReader<>(new TestCatalogue())
        .parse("experiment.yaml", yaml.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  @Override
  public List<String> tasks() {
    return List.of("wordnet-supersense", "wordnet-kind-of");
  }

  @Override
  public List<String> steps() {
    return List.of("prune", "quantize");
  }

  @Override
  public List<String> methods(String step) {
    return step.equals("prune") ? List.of("magnitude", "gradual") : List.of("rtn");
  }

  @Override
  public Step parse(String step, String method, Settings s) {
    if (method.equals("gradual")) {
      final Optional<Settings> schedule = s.mapping("schedule");
      if (schedule.isEmpty()) {
        s.problem("schedule", "a gradual step needs a schedule");
      }
      return new Gradual(
          schedule
              .map(
                  x ->
                      new Schedule(
                          x.number("from", 0, 1, 0.5),
                          x.number("to", 0, 1, null),
                          x.integer("events", 1, 100, 5)))
              .orElse(new Schedule(0, 0, 1)));
    }
    if (step.equals("prune")) {
      final double sparsity = s.number("sparsity", 0, 1, null);
      if (sparsity == 0.99) {
        s.problem("sparsity", "0.99 leaves too little");
      }
      return new Prune(
          sparsity,
          s.choice("ranking", Ranking.class, Ranking.GLOBAL),
          s.texts("targets", List.of()),
          s.texts("skip", List.of()));
    }
    return new Quantize(
        s.integer("bits", 2, 8, 8),
        s.flag("symmetric", true),
        s.text("group-size", "row"),
        s.texts("targets", List.of()));
  }
}

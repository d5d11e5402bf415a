package dev.bantam.runner.run;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.Forecast;
import dev.bantam.data.Task;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.runner.experiment.ResolvedExperiment;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The steps of a recipe file for one model. */
final class RecipeSteps {
  private final List<ParsedStep<Step>> steps;
  private final Map<String, long[]> shapes;

  /**
   * Checks every step against the model.
   *
   * @param shapes of the model's parameters
   * @param task gives the data that a step may need
   * @throws dev.bantam.tensor.BantamException with every problem of the recipe
   */
  RecipeSteps(RecipeFile<Step> recipe, Map<String, long[]> shapes, Optional<Task> task) {
    this.steps = recipe.steps();
    this.shapes = shapes;
    for (int i = 0; i < steps.size(); i++) {
      for (Step.StepProblem problem : steps.get(i).value().check(shapes)) {
        recipe.step(i).problem(problem.key(), problem.message());
      }
      if (steps.get(i).value().needsLabels()
          && task.filter(t -> !t.kind().hasLabels()).isPresent()) {
        recipe.step(i).problem("method", "it learns from labels. " + task.get().withoutLabels());
      }
    }
    recipe.problems().throwIfAny();
  }

  /** Whether a step trains. */
  boolean train() {
    return steps.stream().anyMatch(s -> s.value().cost(shapes).epochs() > 0);
  }

  /** As they stand in a recipe, defaults included. */
  String yaml() {
    return ResolvedExperiment.steps(steps);
  }

  /**
   * Prints what each step would do.
   *
   * @param weights the model's, in the forms they are stored in
   */
  void plan(String model, CompressedModel weights, PrintStream out) {
    final Map<String, Forecast> before = new LinkedHashMap<>();
    for (ParsedStep<Step> step : steps) {
      final List<Forecast> ofStep = step.value().forecast(shapes, before);
      ofStep.forEach(f -> before.put(f.tensor(), f));
      out.println(step.step() + " by " + step.method());
      Plan.treatments(ofStep, out);
    }
    final long bytes =
        weights.tensors().entrySet().stream()
            .mapToLong(
                e ->
                    before.containsKey(e.getKey())
                        ? before.get(e.getKey()).storedBytes()
                        : e.getValue().storedBytes())
            .sum();
    out.printf(
        Locale.ROOT,
        "%s: about %,d bytes without its header, %.2f x smaller than float32%n",
        model,
        bytes,
        (double) Float.BYTES * weights.parameters() / bytes);
  }

  /**
   * Does all steps. Tensors that come in a compressed form keep it unless a step changes them.
   *
   * @param weights the model's, in the forms they are stored in
   */
  CompressedModel apply(CompressionState state, CompressedModel weights, Progress progress) {
    weights
        .tensors()
        .forEach(
            (name, form) -> {
              if (!(form instanceof DenseTensor)) {
                state.put(name, form);
              }
            });
    for (ParsedStep<Step> step : steps) {
      progress.message(step.step() + " by " + step.method());
      step.value().apply(state);
    }
    return state.finish();
  }
}

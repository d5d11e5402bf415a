package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Models;
import dev.bantam.compression.Step;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.experiment.ParsedStep;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** An experiment cut down so that its whole path takes seconds. Its numbers mean nothing. */
final class SmokeExperiment {
  /** Rows to train and to evaluate on, at most. */
  static final int EXAMPLES = 64;

  private static final int LAYERS = 2;
  private static final int SEEDS = 1;

  private SmokeExperiment() {}

  /** A small random model of the same architecture. */
  static Checkpoint model(Checkpoint model) {
    return Models.random(model, Math.min(LAYERS, model.architecture().layers().size()), 1L);
  }

  /** Fewer seeds, examples and epochs, and steps that do less, but every variant. */
  static Experiment<Step> of(Experiment<Step> e, List<Task> tasks) {
    final List<Long> seeds = e.seeds().subList(0, Math.min(SEEDS, e.seeds().size()));
    final int examples =
        tasks.stream()
            .filter(t -> t.kind().hasLabels())
            .mapToInt(t -> t.examples(Split.TRAIN).size())
            .reduce(EXAMPLES, Math::min);
    return new Experiment<>(
        e.version(),
        e.name(),
        e.models(),
        e.tasks(),
        seeds,
        1,
        finetune(e.finetune(), examples),
        e.variants().stream()
            .map(
                v ->
                    v.with(
                        v.steps().stream().map(SmokeExperiment::step).toList(),
                        v.finetune().map(f -> finetune(f, examples)),
                        v.seeds().stream().anyMatch(seeds::contains)
                            ? v.seeds().stream().filter(seeds::contains).toList()
                            : seeds.subList(0, 1)))
            .toList(),
        e.evaluate(),
        e.exports(),
        Optional.empty());
  }

  private static FinetuneSettings finetune(FinetuneSettings f, int examples) {
    return new FinetuneSettings(
        f.when(),
        1,
        OptionalInt.of(examples),
        f.learningRate(),
        Math.min(f.batch(), EXAMPLES / 4),
        f.warmUp(),
        f.weightDecay(),
        f.dropout(),
        f.clip(),
        f.freeze());
  }

  private static ParsedStep<Step> step(ParsedStep<Step> step) {
    final Step.Smoke cheaper = step.value().smoke();
    return step.with(cheaper.step(), cheaper.settings());
  }
}

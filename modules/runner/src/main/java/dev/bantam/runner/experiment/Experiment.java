package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What a checked experiment file says, defaults filled in.
 *
 * @param version of the grammar, {@link #VERSION}
 * @param models named models, folders or files, as written
 * @param seeds different, in the order written
 * @param draws replicates of random samples within a seed
 * @param variants after expansion, in order, one of them {@code dense}
 * @param exports without repetition, in the order written
 * @param gate what variants must reach, if anything
 * @param <S> a step as the catalogue reads it
 */
public record Experiment<S>(
    int version,
    String name,
    List<String> models,
    List<TaskSpec> tasks,
    List<Long> seeds,
    int draws,
    FinetuneSettings finetune,
    List<Variant<S>> variants,
    EvaluateSettings evaluate,
    List<ExportFormat> exports,
    Optional<Gate> gate) {
  /** The version of the grammar that this code reads. */
  public static final int VERSION = 1;

  public Experiment {
    Objects.requireNonNull(name, "name");
    models = List.copyOf(models);
    tasks = List.copyOf(tasks);
    seeds = List.copyOf(seeds);
    Objects.requireNonNull(finetune, "finetune");
    variants = List.copyOf(variants);
    Objects.requireNonNull(evaluate, "evaluate");
    exports = List.copyOf(exports);
    Objects.requireNonNull(gate, "gate");
  }

  /** The same experiment with every file name reduced to its last part. */
  public Experiment<S> withoutFolders() {
    return new Experiment<>(
        version,
        name,
        models.stream().map(FileNames::last).toList(),
        tasks.stream().map(TaskSpec::withoutFolders).toList(),
        seeds,
        draws,
        finetune,
        variants,
        evaluate,
        exports,
        gate);
  }
}

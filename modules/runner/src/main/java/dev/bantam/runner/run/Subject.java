package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.model.ParameterShapes;
import dev.bantam.runner.experiment.FinetuneSettings;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** What an experiment works on: one model with one task. Compared by identity. */
final class Subject {
  private final ModelSource model;
  private final Task task;
  private final int limit;
  private final boolean smoke;

  /**
   * @param model the model as its source gives it
   * @param task the task's examples
   * @param limit most examples of the evaluated split; {@link Integer#MAX_VALUE} for all
   * @param smoke whether the limit holds for tune too; otherwise what is chosen is chosen on all of
   *     it
   */
  Subject(ModelSource model, Task task, int limit, boolean smoke) {
    this.model = model;
    this.task = task;
    this.limit = limit;
    this.smoke = smoke;
  }

  ModelSource model() {
    return model;
  }

  /**
   * The model as an encoder.
   *
   * @throws IllegalStateException if it is a network, which callers have asked before
   */
  Checkpoint encoder() {
    if (model instanceof Checkpoint encoder) {
      return encoder;
    }
    throw new IllegalStateException("'" + model.name() + "' is no encoder");
  }

  /** The model as a DL4J network; empty for an encoder. */
  Optional<SavedNetwork> network() {
    return model instanceof SavedNetwork network ? Optional.of(network) : Optional.empty();
  }

  /** Names and shapes of the dense model's parameters. */
  Map<String, long[]> shapes() {
    if (network().isEmpty()) {
      return ParameterShapes.of(encoder().architecture(), head(), encoder().pooling());
    }
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    model.parameters().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    return shapes;
  }

  /** Whether another subject has the same model; models are compared by identity. */
  @SuppressWarnings("ReferenceEquality")
  boolean isOfModel(Subject other) {
    return model == other.model;
  }

  Task task() {
    return task;
  }

  /** Number of examples of a split that are evaluated. */
  int examples(Split split) {
    final int all = task.examples(split).size();
    return split == Split.TUNE && !smoke ? all : Math.min(all, limit);
  }

  /** Number of examples that the epoch is chosen on. */
  int tuneExamples() {
    return examples(Split.TUNE);
  }

  /**
   * The head that models of this subject have: the task's, or the source's own where the task has
   * no labels.
   */
  Optional<Head> head() {
    return task.kind().hasLabels() ? task.head() : encoder().head();
  }

  /** The model's description with that head; the weights are still the source's. */
  Checkpoint withTaskHead() {
    final Checkpoint encoder = encoder();
    return new Checkpoint(
        encoder.name(),
        encoder.architecture(),
        head(),
        encoder.pooling(),
        encoder.normalize(),
        encoder.maxLength(),
        encoder.parameters(),
        encoder.tokenizer(),
        encoder.signature(),
        encoder.operations(),
        encoder.provenance());
  }

  /**
   * Whether the model can be scored as it is: it has a head that gives the task's labels in the
   * task's order, or the task has no labels.
   */
  boolean hasHead() {
    return network().isPresent() || encoder().head().equals(head());
  }

  /**
   * Why the task cannot be asked of the model at all: one reads texts and the other is numbers, or
   * they have other numbers of inputs or classes.
   *
   * @return a sentence
   */
  Optional<String> mismatch() {
    if (network().isPresent()) {
      return network().get().mismatch(task);
    }
    return task.features() == 0
        ? Optional.empty()
        : Optional.of(
            "The task '"
                + task.name()
                + "' is rows of numbers, and '"
                + model.name()
                + "' reads texts. Name a DL4J network (a .zip), or the columns of texts with"
                + " 'text'.");
  }

  /**
   * Whether the dense model is a fine-tuned one; without labels it is the source as it is, and a
   * network is always, since DL4J has trained it.
   */
  boolean isTrained(FinetuneSettings settings) {
    return network().isEmpty()
        && task.kind().hasLabels()
        && (settings.when() == FinetuneSettings.When.ALWAYS || !hasHead());
  }

  /**
   * How many training examples steps may use: as many as the fine-tuning, or all where there is
   * none.
   */
  OptionalInt trainExamples(FinetuneSettings settings) {
    if (task.kind().hasLabels()) {
      return settings.examples();
    }
    final int all = task.examples(Split.TRAIN).size();
    return smoke && limit < all ? OptionalInt.of(limit) : OptionalInt.empty();
  }

  /**
   * Why a split cannot be scored, if it cannot.
   *
   * @return a sentence
   */
  Optional<String> unscorable(Split split) {
    if (task.examples(split).isEmpty()) {
      return Optional.of("the task '" + task.name() + "' has no '" + split.id() + "' examples.");
    }
    return task.kind() == TaskKind.EMBED && examples(split) < 2
        ? Optional.of(
            "the task '"
                + task.name()
                + "' has one '"
                + split.id()
                + "' text to evaluate, and a single text has no neighbours. Take two or more.")
        : Optional.empty();
  }
}

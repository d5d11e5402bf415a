package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.checkpoint.NamePattern;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Fidelity;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TaskKind;
import dev.bantam.data.TokenizedExample;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.EncoderModel;
import dev.bantam.outliersuppression.SiteStatistics;
import dev.bantam.runner.experiment.EvaluateSettings;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** One model with one task, outside of an experiment. */
public final class Tasked {
  private Tasked() {}

  /**
   * Scores a model as it is; on a task of kind {@link TaskKind#EMBED} it is compared with itself.
   *
   * @param limit most examples
   * @throws BantamException (bad input) if its head does not give the task's labels
   */
  public static Map<Metric, Double> evaluate(
      ModelSource model, Task task, Split split, int limit, Workers workers, Progress progress) {
    return evaluate(model, task, split, limit, Optional.empty(), workers, progress);
  }

  /**
   * Scores a model as it is.
   *
   * @param limit most examples
   * @param reference the model whose vectors are the right ones, for {@link TaskKind#EMBED} alone
   * @throws BantamException (bad input) if its head does not give the task's labels, or it cannot
   *     be compared with the reference
   */
  public static Map<Metric, Double> evaluate(
      ModelSource model,
      Task task,
      Split split,
      int limit,
      Optional<Checkpoint> reference,
      Workers workers,
      Progress progress) {
    requireFits(model, task);
    final Subject subject = new Subject(model, task, limit, false);
    subject
        .unscorable(split)
        .ifPresent(
            why -> {
              throw new BantamException(
                  ExitCode.BAD_FILE,
                  why.substring(0, 1).toUpperCase(Locale.ROOT) + why.substring(1));
            });
    final Optional<Fidelity> right =
        reference.map(r -> vectors(r, subject.encoder(), task, split, limit, workers, progress));
    try (Bench bench = new Bench(subject, workers, progress)) {
      right.ifPresent(r -> bench.compareWith(split, r));
      return bench.evaluate(split, "Evaluating " + model.name() + " on " + split.id()).metrics();
    }
  }

  /**
   * Refuses a model that a task cannot be asked of.
   *
   * @throws BantamException (bad input) if it has no tokenizer, or not the task's head, or reads
   *     something else than the task is
   */
  static void requireFits(ModelSource model, Task task) {
    requireTokenizer(model);
    final Subject subject = new Subject(model, task, 1, false);
    subject
        .mismatch()
        .ifPresent(
            why -> {
              throw BantamException.badInput(why);
            });
    if (!subject.hasHead()) {
      throw BantamException.badInput(
          "The model '"
              + model.name()
              + "' has "
              + subject.encoder().head().map(h -> "a head for " + h.labels()).orElse("no head")
              + ", and the task '"
              + task.name()
              + "' has the labels "
              + task.labels()
              + ". Fine-tune it first: bantam finetune MODEL --task T -o DIR.");
    }
  }

  /** What the reference makes of the texts, with its own tokenizer, length and pooling. */
  private static Fidelity vectors(
      Checkpoint reference,
      Checkpoint model,
      Task task,
      Split split,
      int limit,
      Workers workers,
      Progress progress) {
    requireTokenizer(reference);
    final int width = model.architecture().hiddenSize();
    if (reference.architecture().hiddenSize() != width) {
      throw BantamException.badInput(
          "The vectors of '"
              + model.name()
              + "' have "
              + width
              + " values and those of '"
              + reference.name()
              + "' "
              + reference.architecture().hiddenSize()
              + ", so there is no cosine between them. Name the model it was made from.");
    }
    try (Bench bench = new Bench(new Subject(reference, task, limit, false), workers, progress)) {
      return bench.dense(split);
    }
  }

  /**
   * Times forward passes of a model as it is.
   *
   * @param shapes batch and length of each measurement; lengths within the model's positions
   * @return median milliseconds, in the order of the shapes
   */
  public static List<Double> latencies(
      Checkpoint model, List<EvaluateSettings.Latency> shapes, Workers workers) {
    final List<Double> medians = new ArrayList<>();
    try (EncoderModel encoder = Encoders.of(model, workers)) {
      for (EvaluateSettings.Latency shape : shapes) {
        medians.add(Latency.medianMilliseconds(encoder, shape.batch(), shape.length()));
      }
    }
    return medians;
  }

  /**
   * Looks at what passes between the layers of a model on training texts of a task.
   *
   * @param texts how many, at most all there are
   */
  public static List<SiteStatistics> activations(
      Checkpoint model, Task task, int texts, Workers workers, Progress progress) {
    requireTokenizer(model);
    final Subject subject = new Subject(model, task, Integer.MAX_VALUE, false);
    final int available = task.examples(Split.TRAIN).size();
    try (Bench bench = new Bench(subject, workers, progress);
        EncoderModel encoder = Encoders.of(model, workers)) {
      return SiteStatistics.measure(
          encoder,
          bench.train(OptionalInt.of(Math.min(texts, available)), 1).stream()
              .map(TokenizedExample::encoding)
              .toList(),
          progress);
    }
  }

  /** Refuses settings that do not fit the model or the task. */
  public static void check(Checkpoint model, Task task, FinetuneSettings settings) {
    if (!task.kind().hasLabels()) {
      throw new BantamException(ExitCode.USAGE, task.withoutLabels());
    }
    requireTokenizer(model);
    requireTune(task);
    final Set<String> names = new Subject(model, task, 1, false).shapes().keySet();
    for (String pattern : settings.freeze()) {
      final NamePattern compiled = NamePattern.of(pattern);
      if (names.stream().noneMatch(compiled::matches)) {
        throw new BantamException(ExitCode.BAD_FILE, NamePattern.matchesNothing(pattern));
      }
    }
    final int available = task.examples(Split.TRAIN).size();
    if (settings.examples().isPresent() && settings.examples().getAsInt() > available) {
      throw new BantamException(
          ExitCode.USAGE,
          String.format(
              Locale.ROOT,
              "%d examples are more than the %d that '%s' has to train on (tune is set aside)."
                  + " Ask for fewer, or leave the option out to take all.",
              settings.examples().getAsInt(),
              available,
              task.name()));
    }
  }

  /**
   * Fine-tunes a model and writes it as a plain float32 folder.
   *
   * @param folder exists and is empty
   * @return metrics on dev of the model written
   */
  public static Map<Metric, Double> finetune(
      Checkpoint model,
      Task task,
      FinetuneSettings settings,
      long seed,
      Path folder,
      Workers workers,
      Progress progress) {
    final Subject subject = new Subject(model, task, Integer.MAX_VALUE, false);
    try (Bench bench = new Bench(subject, workers, progress)) {
      bench.finetune(settings, seed, dev.bantam.training.FineTuner.Resume.NONE);
      final Map<Metric, Double> metrics =
          bench.evaluate(Split.DEV, "Evaluating " + model.name() + " on dev").metrics();
      ModelFolder.write(
          folder, subject.withTaskHead(), bench.dense(), card(subject, seed, metrics));
      return metrics;
    }
  }

  private static String card(Subject subject, long seed, Map<Metric, Double> metrics) {
    final StringBuilder card = new StringBuilder();
    card.append("# ").append(subject.model().name()).append(", fine-tuned\n\n");
    card.append(
        String.format(
            Locale.ROOT,
            "Fine-tuned by Bantam from `%s` on the task `%s`, seed %d.\n\n",
            subject.model().provenance().source(),
            subject.task().name(),
            seed));
    card.append("| metric on dev | value |\n|---|---|\n");
    metrics.forEach(
        (metric, value) ->
            card.append(String.format(Locale.ROOT, "| %s | %.4f |\n", metric.id(), value)));
    card.append("\n").append(ModelCard.sources(subject));
    return card.toString();
  }

  /** Training chooses its epoch on tune, so there must be some. */
  static void requireTune(Task task) {
    if (task.examples(Split.TUNE).isEmpty()) {
      throw BantamException.badInput(
          "The task '"
              + task.name()
              + "' has "
              + task.examples(Split.TRAIN).size()
              + " training examples, and none of them falls into the tenth that is set aside, by"
              + " hash, to choose the best epoch on. Add rows: 50 are almost always enough.");
    }
  }

  static void requireTokenizer(ModelSource model) {
    if (model.tokenizer().isEmpty()) {
      throw BantamException.badInput(
          "The model '"
              + model.name()
              + "' has no tokenizer. Put its tokenizer.json beside its weights.");
    }
  }
}

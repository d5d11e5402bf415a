package dev.bantam.compression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.LossTerm;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.training.Distillation;
import dev.bantam.training.Evaluator;
import dev.bantam.training.FineTuner;
import dev.bantam.training.FineTuner.Epoch;
import dev.bantam.training.FineTuning;
import dev.bantam.training.Intervention;
import dev.bantam.training.LogitDistillation;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * Training that belongs to a step, the {@code train:} of a recipe: of the compressed model, by
 * default towards the logits of the dense one (Hinton et al. 2015; hardness and temperature as
 * Kurtic et al. 2022).
 *
 * @param settings epochs, rates and so on
 * @param teacher whom the logits are taken from
 * @param hardness share of the teacher in the loss, in [0, 1]; the labels have the rest
 * @param temperature both sides' logits are divided by it, above 0
 */
public record Retraining(
    FineTuning settings, Teacher teacher, double hardness, double temperature) {
  private static final int SMOKE_BATCH = 16;
  private static final double BELOW_ONE = Math.nextDown(1.0);

  /** Whom a model is taught by. */
  public enum Teacher {
    /** The uncompressed model that the steps began with. */
    DENSE,
    /** The labels alone. */
    NONE
  }

  /**
   * Reads {@code train:}, if it is there.
   *
   * @param learningRate default
   */
  public static Optional<Retraining> read(Settings step, double learningRate) {
    return step.mapping("train").map(settings -> of(settings, learningRate));
  }

  private static Retraining of(Settings s, double learningRate) {
    final FineTuning settings =
        new FineTuning(
            s.integer("epochs", 1, 10_000, 1),
            s.number("learning-rate", 1e-12, BELOW_ONE, learningRate),
            s.integer("batch", 1, 1 << 16, 32),
            0,
            s.number("weight-decay", 0, BELOW_ONE, 0.01),
            s.number("dropout", 0, 0.99, 0.1),
            s.number("clip", 0, 1e6, 1.0),
            TensorSelector.patterns(s, "freeze", List.of("embeddings.*")));
    final Teacher teacher = s.choice("teacher", Teacher.class, Teacher.DENSE);
    if (teacher == Teacher.NONE) {
      s.has("hardness"); // known, and without effect
      s.has("temperature");
      return new Retraining(settings, teacher, 0, 1);
    }
    return new Retraining(
        settings,
        teacher,
        s.number("hardness", 0, 1, 1.0),
        s.number("temperature", 0.01, 100, 2.0));
  }

  /** Problems with a model of these parameters, under the key {@code train}. */
  public List<Step.StepProblem> check(Map<String, long[]> shapes) {
    final long[] head = shapes.get("classifier.weight");
    if (teacher == Teacher.DENSE && head != null && head[0] < 2) {
      return List.of(
          new Step.StepProblem(
              "train",
              "the head has one output, and there is nothing to distil from a single logit. Write"
                  + " 'teacher: none'."));
    }
    return TensorSelector.unmatched("train", settings.frozen(), shapes);
  }

  /** The same with less work, see {@link Step#smoke}: one epoch of small batches. */
  public Retraining smoke() {
    return new Retraining(
        new FineTuning(
            1,
            settings.learningRate(),
            Math.min(settings.batch(), SMOKE_BATCH),
            settings.warmUp(),
            settings.weightDecay(),
            settings.dropout(),
            settings.clip(),
            settings.frozen()),
        teacher,
        hardness,
        temperature);
  }

  /** Whether a tensor is not trained. */
  public boolean freezes(String name) {
    return TensorSelector.matchesAny(settings.frozen(), name);
  }

  /** In words, for plans and logs. */
  public String describe() {
    final String epochs = settings.epochs() == 1 ? "1 epoch" : settings.epochs() + " epochs";
    return teacher == Teacher.NONE
        ? epochs + " on labels"
        : epochs
            + " towards the dense model, hardness "
            + hardness
            + ", temperature "
            + temperature;
  }

  /**
   * The model of a step as an encoder.
   *
   * @throws BantamException (usage) if it is none
   */
  public EncoderModel encoder(StepResources resources) {
    if (resources.model() instanceof EncoderModel encoder) {
      return encoder;
    }
    throw new BantamException(
        ExitCode.USAGE, "'train:' needs an encoder, and this model is none. Leave it out.");
  }

  /**
   * Trains the live model of a step in place; the best epoch on tune stays.
   *
   * @param own tensors whose forms the step decides when the training is over
   * @param seed of shuffles and dropout
   * @return the epochs in order
   * @throws BantamException (bad file) if an earlier step has decided the form of another tensor
   *     that would be trained
   */
  public List<Epoch> run(
      CompressionState state, Collection<String> own, long seed, Intervention intervention) {
    return run(state, own, seed, intervention, this::distillation, batch -> List.of());
  }

  /**
   * As the other form, with lessons of the method's own.
   *
   * @param distillation makes the distillation of outputs, given the training examples, after all
   *     that can be refused was; empty to learn from labels
   * @param terms makes further terms of the loss for a batch; depends on the batch alone
   */
  public List<Epoch> run(
      CompressionState state,
      Collection<String> own,
      long seed,
      Intervention intervention,
      BiFunction<StepResources, List<TokenizedExample>, Optional<? extends Distillation>>
          distillation,
      Function<LabelledBatch, List<LossTerm>> terms) {
    final StepResources resources = state.resources();
    for (String name : state.weights().keySet()) {
      if (state.form(name).isPresent() && !own.contains(name) && !freezes(name)) {
        throw new BantamException(
            ExitCode.BAD_FILE,
            "'"
                + name
                + "' was compressed by an earlier step, and 'train:' would change it. Put the step"
                + " that trains first, or list the tensor under its 'freeze'.");
      }
    }
    final List<TokenizedExample> train = resources.train();
    return new FineTuner(
            encoder(resources),
            resources.task(),
            settings,
            seed,
            resources.workers(),
            resources.progress())
        .run(
            train,
            resources.tune(),
            distillation.apply(resources, train),
            terms,
            intervention,
            resources.resume());
  }

  private Optional<LogitDistillation> distillation(
      StepResources resources, List<TokenizedExample> train) {
    if (teacher == Teacher.NONE) {
      return Optional.empty();
    }
    final int columns = resources.task().labels().size();
    try (EncoderModel dense = resources.teacher();
        Progress.Bar bar =
            resources.progress().start("Logits of the teacher", train.size(), "examples")) {
      return Optional.of(
          new LogitDistillation(
              Evaluator.logits(dense, train, columns, bar), columns, hardness, temperature));
    }
  }
}

package dev.bantam.training;

import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.NamePattern;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Batches;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.LossTerm;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Seeds;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Fine-tuning of an encoder on a labelled task: AdamW, linear warm-up and decay, clipping, dropout,
 * optional distillation; the best epoch on the tune split is kept.
 *
 * <p>What is attached to the model when the tuner is made (operators, transforms, attention) is
 * trained with it. Deterministic: batches, dropout and the new head depend on the seed alone. The
 * state after each epoch can be saved and picked up again with the same bits.
 */
public final class FineTuner {
  private static final double HEAD_DEVIATION = 0.02;

  private final EncoderModel model;
  private final Task task;
  private final Head head;
  private final FineTuning settings;
  private final long seed;
  private final Workers workers;
  private final Progress progress;
  private final Set<String> trained;

  /**
   * One finished epoch.
   *
   * @param loss mean training loss
   * @param tune primary metric on the tune split
   */
  public record Epoch(int number, double loss, double tune) {}

  /** Saves and finds the state between epochs; {@link #NONE} keeps nothing. */
  public interface Resume {
    Resume NONE =
        new Resume() {
          @Override
          public void save(TrainingState state) {}

          @Override
          public Optional<TrainingState> find() {
            return Optional.empty();
          }
        };

    /** Keeps a state; its tensors are live and change after the call. */
    void save(TrainingState state);

    /** The state to go on from; its tensors pass to the caller, which frees them. */
    Optional<TrainingState> find();
  }

  /**
   * Everything that the next update depends on.
   *
   * @param epochs finished ones
   * @param updates made so far, in an epoch that goes on too
   * @param lossSum loss of the examples of that epoch so far
   * @param weights trained parameters as they are now
   * @param best trained parameters of the best epoch so far; empty if there is none
   * @param optimizer moments and step counts
   * @param notes of the {@link Intervention}
   */
  public record TrainingState(
      List<Epoch> epochs,
      long updates,
      double lossSum,
      Map<String, INDArray> weights,
      Map<String, INDArray> best,
      AdamW.State optimizer,
      String notes) {}

  /**
   * Prepares a training.
   *
   * @throws BantamException if the task has no labels, or a freeze pattern matches nothing
   */
  public FineTuner(
      EncoderModel model,
      Task task,
      FineTuning settings,
      long seed,
      Workers workers,
      Progress progress) {
    this.model = model;
    this.task = task;
    this.head = task.requireHead();
    this.settings = settings;
    this.seed = seed;
    this.workers = workers;
    this.progress = progress;
    this.trained = trainedParameters(model, settings);
  }

  /**
   * Puts a fresh head for a task on an encoder: weights normal(0, 0.02), zero bias. The encoder's
   * tensors are shared, not copied.
   */
  public static EncoderModel withNewHead(
      EncoderModel encoder, Head head, Pooling pooling, long seed) {
    final int d = encoder.architecture().hiddenSize();
    final Random random = new Random(Seeds.derive(seed, "classifier.weight", "initial"));
    final float[] weight = new float[head.labels().size() * d];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) (random.nextGaussian() * HEAD_DEVIATION);
    }
    return encoder.withHead(
        head,
        pooling,
        Floats.tensor(weight, head.labels().size(), d),
        Floats.tensor(new float[head.labels().size()], head.labels().size()));
  }

  private static Set<String> trainedParameters(EncoderModel model, FineTuning settings) {
    final List<NamePattern> frozen = new ArrayList<>();
    for (String pattern : settings.frozen()) {
      frozen.add(NamePattern.of(pattern));
    }
    final boolean[] used = new boolean[frozen.size()];
    final Set<String> names = new LinkedHashSet<>();
    for (String name : model.parameters().keySet()) {
      boolean train = true;
      for (int i = 0; i < frozen.size(); i++) {
        if (frozen.get(i).matches(name)) {
          used[i] = true;
          train = false;
        }
      }
      if (train && !isUnusedPooler(model, name)) {
        names.add(name);
      }
    }
    for (int i = 0; i < used.length; i++) {
      if (!used[i]) {
        throw new BantamException(
            ExitCode.BAD_FILE,
            "finetune: freeze pattern '"
                + settings.frozen().get(i)
                + "' matches no parameter. Names look like 'embeddings.word_embeddings.weight' or"
                + " 'encoder.layer.0.output.dense.weight'.");
      }
    }
    return names;
  }

  private static boolean isUnusedPooler(EncoderModel model, String name) {
    return name.startsWith("pooler.") && model.pooling() != Pooling.POOLER;
  }

  /**
   * Trains the model in place and leaves the weights of the best epoch in it.
   *
   * @param train examples to train on, tune rows excluded
   * @param tune examples that choose the epoch
   * @param distillation soft targets of a teacher, if any
   * @return the epochs in order
   */
  public List<Epoch> run(
      List<TokenizedExample> train,
      List<TokenizedExample> tune,
      Optional<? extends Distillation> distillation,
      Resume resume) {
    return run(train, tune, distillation, labelled -> List.of(), Intervention.NONE, resume);
  }

  /**
   * As the other form, with more to it.
   *
   * @param terms makes further terms of the loss for a batch, e.g. the distillation of hidden
   *     states; depends on the batch alone
   * @param intervention what happens between the updates
   * @throws BantamException if the training diverges
   */
  public List<Epoch> run(
      List<TokenizedExample> train,
      List<TokenizedExample> tune,
      Optional<? extends Distillation> distillation,
      Function<LabelledBatch, List<LossTerm>> terms,
      Intervention intervention,
      Resume resume) {
    try (Training training = new Training(train, tune, distillation, terms, intervention, resume)) {
      return training.run();
    }
  }

  /** One run: what it works on, and how far it is. */
  private final class Training implements AutoCloseable {
    private final List<TokenizedExample> train;
    private final List<TokenizedExample> tune;
    private final Optional<? extends Distillation> distillation;
    private final Function<LabelledBatch, List<LossTerm>> terms;
    private final Intervention intervention;
    private final Resume resume;
    private final long updatesPerEpoch;
    private final long total;
    private final Schedule schedule;
    private final AdamW optimizer;
    private final List<Epoch> epochs = new ArrayList<>();
    private Map<String, INDArray> best = Map.of();
    private double bestValue = Double.NaN;
    private long updates;
    private double lossSum;

    Training(
        List<TokenizedExample> train,
        List<TokenizedExample> tune,
        Optional<? extends Distillation> distillation,
        Function<LabelledBatch, List<LossTerm>> terms,
        Intervention intervention,
        Resume resume) {
      this.train = train;
      this.tune = tune;
      this.distillation = distillation;
      this.terms = terms;
      this.intervention = intervention;
      this.resume = resume;
      this.optimizer = optimizer(intervention);
      this.updatesPerEpoch = settings.updates(train.size()) / settings.epochs();
      this.total = settings.updates(train.size());
      this.schedule = intervention.schedule(Math.round(total * settings.warmUp()), total);
    }

    List<Epoch> run() {
      resume.find().ifPresent(this::goOnFrom);
      for (int epoch = epochs.size(); epoch < settings.epochs(); epoch++) {
        epoch(epoch);
        intervention.settle();
        final double loss = lossSum / train.size();
        final double value =
            Evaluator.evaluate(model, task, tune, "Evaluating on tune", progress)
                .value(task.metric());
        epochs.add(new Epoch(epoch + 1, loss, value));
        lossSum = 0;
        chooseBest(epochs.get(epoch));
        save();
        progress.message(
            String.format(
                Locale.ROOT,
                "epoch %d/%d: training loss %.4f, %s on tune %.4f",
                epoch + 1,
                settings.epochs(),
                loss,
                task.metric().id(),
                value));
      }
      copyInto(best, intervention);
      return List.copyOf(epochs);
    }

    private void goOnFrom(TrainingState earlier) {
      epochs.addAll(earlier.epochs());
      updates = earlier.updates();
      lossSum = earlier.lossSum();
      copyInto(earlier.weights(), intervention);
      free(earlier.weights());
      best = earlier.best();
      for (Epoch epoch : epochs) {
        if (isBest(epoch)) {
          bestValue = epoch.tune();
        }
      }
      optimizer.restore(earlier.optimizer());
      free(earlier.optimizer().moments());
      intervention.restore(earlier.notes());
    }

    private void chooseBest(Epoch epoch) {
      if (isBest(epoch)) {
        bestValue = epoch.tune();
        free(best);
        best = copies(trainedTensors(intervention));
      }
    }

    /** Whether an epoch is better than those before it; the last one is, if there was no other. */
    private boolean isBest(Epoch epoch) {
      final boolean may = intervention.mayBeChosen(epoch.number() * updatesPerEpoch, total);
      if (Double.isNaN(bestValue)) {
        return may || epoch.number() == settings.epochs();
      }
      return may
          && (task.metric().higherIsBetter() ? epoch.tune() > bestValue : epoch.tune() < bestValue);
    }

    private void save() {
      resume.save(
          new TrainingState(
              epochs,
              updates,
              lossSum,
              trainedTensors(intervention),
              best,
              optimizer.state(),
              intervention.notes()));
    }

    /** What is left of an epoch. */
    private void epoch(int epoch) {
      final Batches batches = Batches.shuffled(train, settings.batch(), seed, epoch);
      final Collector collector = new Collector();
      final long dropoutSeed = Seeds.derive(seed, "dropout");
      final int done = Math.toIntExact(updates - epoch * updatesPerEpoch);
      try (Progress.Bar bar =
          progress.start(
              "Fine-tuning epoch " + (epoch + 1) + "/" + settings.epochs(),
              train.size(),
              "examples")) {
        for (LabelledBatch labelled : batches.subList(0, done)) {
          bar.advance(labelled.batch().sequences());
        }
        for (LabelledBatch labelled : batches.subList(done, batches.size())) {
          if (intervention.beforeUpdate(updates, total)) {
            intervention.settle();
            save();
          }
          final Batch batch = labelled.batch();
          collector.gradients.clear();
          final double loss =
              model.gradients(
                  batch,
                  loss(labelled, distillation),
                  terms.apply(labelled),
                  new Regularization(
                      (float) settings.dropout(), dropoutSeed + updates * 0x9e3779b97f4a7c15L),
                  collector);
          final double further = intervention.gradients(collector.gradients);
          final double norm =
              optimizer.step(
                  collector.gradients,
                  settings.learningRate() * schedule.factor(updates),
                  settings.clip());
          requireFinite(loss + further, norm);
          lossSum += (loss + further) * batch.sequences();
          updates++;
          bar.advance(batch.sequences());
        }
      }
    }

    private void requireFinite(double loss, double norm) {
      if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
        throw new BantamException(
            ExitCode.BAD_FILE,
            String.format(
                Locale.ROOT,
                "Training diverged at step %d: loss %s, gradient norm %s. Choose a lower"
                    + " learning-rate than %s, or a longer warm-up.",
                updates + 1,
                loss,
                norm,
                settings.learningRate()));
      }
    }

    @Override
    public void close() {
      free(best);
      optimizer.close();
    }
  }

  private AdamW optimizer(Intervention intervention) {
    final Set<String> further = intervention.parameters().keySet();
    return new AdamW(
        trainedTensors(intervention),
        AdamW.Settings.withDecay(settings.weightDecay()),
        // scales and thresholds of what is attached do not decay and have their own rates
        (name, tensor) ->
            !EncoderModel.isAttached(name)
                && !further.contains(name)
                && AdamW.decaysByDefault(name, tensor),
        name ->
            further.contains(name)
                ? intervention.learningRateFactor(name)
                : model.learningRateFactor(name),
        workers);
  }

  private Map<String, INDArray> trainedTensors(Intervention intervention) {
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    final Map<String, INDArray> all = model.parameters();
    trained.forEach(name -> tensors.put(name, all.get(name)));
    tensors.putAll(intervention.parameters());
    return tensors;
  }

  private static Map<String, INDArray> copies(Map<String, INDArray> tensors) {
    final Map<String, INDArray> copies = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) -> copies.put(name, Floats.tensor(Floats.toArray(tensor), tensor.shape())));
    return copies;
  }

  private static void free(Map<String, INDArray> copies) {
    copies.values().forEach(t -> Floats.of(t).close());
  }

  private void copyInto(Map<String, INDArray> values, Intervention intervention) {
    final Map<String, INDArray> all = new LinkedHashMap<>(model.parameters());
    all.putAll(intervention.parameters());
    values.forEach(
        (name, tensor) -> {
          final Floats target = Floats.of(all.get(name));
          target.copy(0, Floats.of(tensor), 0, target.length());
        });
  }

  private Loss loss(LabelledBatch labelled, Optional<? extends Distillation> distillation) {
    final Loss labels = TaskLoss.of(head.kind(), labelled.labels(), labelled.targets());
    return distillation.isPresent() ? distillation.get().loss(labels, labelled.rows()) : labels;
  }

  /** Keeps the gradients of the trained parameters of one step. */
  private final class Collector implements GradientSink {
    final Map<String, INDArray> gradients = new HashMap<>(); // the optimiser asks by name

    @Override
    public boolean wants(String parameter) {
      return trained.contains(parameter);
    }

    @Override
    public void accept(String parameter, INDArray gradient) {
      gradients.put(parameter, gradient);
    }
  }
}

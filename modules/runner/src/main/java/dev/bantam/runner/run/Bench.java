package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.data.Example;
import dev.bantam.data.Examples;
import dev.bantam.data.Fidelity;
import dev.bantam.data.SentenceVectors;
import dev.bantam.data.Split;
import dev.bantam.data.Tokenized;
import dev.bantam.data.TokenizedExample;
import dev.bantam.dl4j.Dl4jModel;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Evaluator;
import dev.bantam.training.Evaluator.Evaluation;
import dev.bantam.training.FineTuner;
import dev.bantam.training.FineTuning;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A subject ready for work: one live model, whose weights are replaced from cell to cell so that
 * its memory is allocated once, and the texts, tokenized when first needed.
 */
final class Bench implements AutoCloseable {
  private final Subject subject;
  private final Workers workers;
  private final Progress progress;
  private final Tokenizer tokenizer;
  private final Model<Batch> model;
  private Map<String, Operation> operations = Map.of();
  private AutoCloseable shared;
  private String sharedKey = "";
  private final Map<Split, List<TokenizedExample>> evaluated = new EnumMap<>(Split.class);
  private final Map<Split, Fidelity> dense = new EnumMap<>(Split.class);

  /**
   * @param subject its model has a tokenizer (checked before)
   */
  Bench(Subject subject, Workers workers, Progress progress) {
    this.subject = subject;
    this.workers = workers;
    this.progress = progress;
    this.tokenizer = subject.model().tokenizer().orElseThrow();
    this.model =
        subject.network().isPresent()
            ? subject.network().get().live(subject.model().parameters())
            : withHead(copy(subject.model().parameters()), 0L);
    load(weights());
  }

  /** The checkpoint's weights as an encoder with the subject's head; a fresh one if it has none. */
  private EncoderModel withHead(Map<String, INDArray> weights, long seed) {
    final Checkpoint source = subject.encoder();
    if (subject.hasHead()) {
      return new EncoderModel(
          source.architecture(), source.head(), source.pooling(), weights, workers);
    }
    final EncoderModel encoder =
        new EncoderModel(
            source.architecture(), Optional.empty(), source.pooling(), weights, workers);
    return FineTuner.withNewHead(encoder, subject.task().requireHead(), source.pooling(), seed);
  }

  Subject subject() {
    return subject;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  Workers workers() {
    return workers;
  }

  Progress progress() {
    return progress;
  }

  /** The live model. */
  Model<Batch> model() {
    return model;
  }

  /**
   * The live model as an encoder.
   *
   * @throws IllegalStateException if it is none, which callers have asked before
   */
  EncoderModel encoder() {
    if (model instanceof EncoderModel encoder) {
      return encoder;
    }
    throw new IllegalStateException("'" + subject.model().name() + "' is no encoder");
  }

  /** The live model's weights, without the tensors of what is attached to it. */
  Map<String, INDArray> weights() {
    return model instanceof EncoderModel encoder ? encoder.weights() : model.parameters();
  }

  private void detachAll() {
    if (model instanceof EncoderModel encoder) {
      encoder.detachAll();
    }
  }

  /** Puts the source's weights into the live model, with a head drawn by the seed if need be. */
  private void reset(long seed) {
    load(withHead(subject.model().parameters(), seed).parameters());
  }

  /** Copies weights into the live model, which does what the source does besides. */
  void load(Map<String, INDArray> weights) {
    detachAll();
    copy(weights, weights());
    operations = new TreeMap<>();
    subject
        .model()
        .operations()
        .forEach(
            (place, stored) ->
                operations.put(
                    place,
                    Operations.decode(
                        new StoredOperation(
                            stored.kind(), stored.attributes(), copy(stored.tensors())))));
    operations.forEach((place, operation) -> operation.attach(encoder(), place));
  }

  /** Copies what a file holds into the live model, operations included. */
  void load(CompressedModel stored) {
    detachAll();
    weights()
        .forEach(
            (name, target) -> {
              final Map<String, INDArray> read = Map.of(name, stored.tensors().get(name).dense());
              copy(read, Map.of(name, target));
              free(read);
            });
    if (!stored.operations().isEmpty()) {
      Operations.attach(encoder(), stored.operations());
    }
  }

  /** What the live model is, with all weights in float32. */
  CompressedModel dense() {
    final Map<String, StoredOperation> stored = new TreeMap<>();
    operations.forEach((place, operation) -> stored.put(place, operation.stored()));
    return new CompressedModel(ModelFolder.dense(weights()).tensors(), stored);
  }

  /** What {@link #load(Map)} attached to the live model. */
  Map<String, Operation> operations() {
    return Collections.unmodifiableMap(operations);
  }

  /**
   * Another encoder of the same shape over these weights, which does what the source does.
   *
   * @throws BantamException (usage) if the model is no encoder
   */
  EncoderModel encoder(Map<String, INDArray> weights) {
    if (!(model instanceof EncoderModel like)) {
      throw new BantamException(
          ExitCode.USAGE,
          "A step learns from a teacher, which is for encoders, and '"
              + subject.model().name()
              + "' is none. Leave 'train' out.");
    }
    final EncoderModel encoder =
        new EncoderModel(like.architecture(), like.head(), like.pooling(), weights, workers);
    Operations.attach(encoder, subject.model().operations());
    return encoder;
  }

  private static void copy(Map<String, INDArray> from, Map<String, INDArray> to) {
    to.forEach(
        (name, target) -> {
          final Floats live = Floats.of(target);
          live.copy(0, Floats.of(from.get(name)), 0, live.length());
        });
  }

  /** Copies of tensors, by name. */
  static Map<String, INDArray> copy(Map<String, INDArray> tensors) {
    final Map<String, INDArray> copies = new LinkedHashMap<>();
    tensors.forEach(
        (name, t) -> {
          final Floats copy = Floats.of(Nd4j.createUninitialized(t.dataType(), t.shape()));
          copy.copy(0, Floats.of(t), 0, copy.length());
          copies.put(name, copy.array());
        });
    return copies;
  }

  /** Frees tensors that nothing uses any more, instead of waiting for the garbage collector. */
  static void free(Map<String, INDArray> tensors) {
    tensors.values().forEach(t -> Floats.of(t).close());
  }

  /**
   * Trains the live model from the source's weights.
   *
   * @param seed the run's seed, as written; examples are picked by it and all draws derived from it
   * @return the epochs in order
   */
  List<FineTuner.Epoch> finetune(FinetuneSettings s, long seed, FineTuner.Resume resume) {
    final long derived = Seeds.derive(seed, Seeds.FINETUNE);
    reset(derived);
    final FineTuning settings =
        new FineTuning(
            s.epochs(),
            s.learningRate(),
            s.batch(),
            s.warmUp(),
            s.weightDecay(),
            s.dropout(),
            s.clip(),
            s.freeze());
    return new FineTuner(encoder(), subject.task(), settings, derived, workers, progress)
        .run(train(s.examples(), seed), split(Split.TUNE), Optional.empty(), resume);
  }

  /** Inputs of the training examples of a seed. */
  List<TokenizedExample> train(OptionalInt examples, long seed) {
    final List<Example> all = subject.task().examples(Split.TRAIN);
    return tokenize(examples.isPresent() ? Examples.select(all, examples.getAsInt(), seed) : all);
  }

  /** Inputs of the examples of a split that is evaluated, no more than the limit. */
  List<TokenizedExample> split(Split split) {
    return evaluated.computeIfAbsent(
        split,
        s -> {
          final List<Example> all = subject.task().examples(s);
          return tokenize(all.subList(0, subject.examples(s)));
        });
  }

  private List<TokenizedExample> tokenize(List<Example> examples) {
    final ExecutorService executor = Executors.newFixedThreadPool(workers.threads());
    try {
      return Tokenized.of(
          tokenizer, subject.task().inputs(examples), subject.model().maxLength(), executor);
    } finally {
      executor.shutdownNow();
    }
  }

  /**
   * What the dense model makes of a split. A task that asks for it has no labels, so the dense
   * model of every seed is the source as it is: computed once, whatever the live model holds.
   */
  Fidelity dense(Split split) {
    return dense.computeIfAbsent(split, this::ofSource);
  }

  /** Lets a split be compared with another model than the source. */
  void compareWith(Split split, Fidelity other) {
    dense.put(split, other);
  }

  private Fidelity ofSource(Split split) {
    final String name = subject.model().name();
    final SentenceVectors vectors;
    try (EncoderModel source = encoder(subject.model().parameters())) {
      vectors =
          Evaluator.vectors(
              source, split(split), "Vectors of " + name + " on " + split.id(), progress);
    }
    if (!vectors.areFinite()) {
      throw BantamException.badInput(
          "The sentence vectors of '"
              + name
              + "' are no finite numbers, so nothing can be compared with them. Its weights are"
              + " damaged, or too large.");
    }
    return Fidelity.to(vectors, workers);
  }

  /** Scores the live model. */
  Evaluation evaluate(Split split, String what) {
    return model instanceof EncoderModel encoder
        ? Evaluator.evaluate(
            encoder, subject.task(), split(split), () -> dense(split), workers, what, progress)
        : Evaluator.evaluate(model, subject.task(), split(split), what, progress);
  }

  /** As {@link dev.bantam.compression.StepResources#shared}; one thing is kept at a time. */
  <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make) {
    if (!key.equals(sharedKey) || !type.isInstance(shared)) {
      closeShared(); // before the next one takes its memory
      shared = make.get();
      sharedKey = key;
    }
    return type.cast(shared);
  }

  private void closeShared() {
    final AutoCloseable old = shared;
    shared = null;
    sharedKey = "";
    try {
      if (old != null) {
        old.close();
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("What is shared frees memory and nothing else", e);
    }
  }

  @Override
  public void close() {
    closeShared();
    if (model instanceof Dl4jModel network) {
      network.close();
    } else {
      encoder().close();
      free(weights());
    }
  }
}

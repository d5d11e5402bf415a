package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Operations;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.Tokenized;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.EncoderModel;
import dev.bantam.outliersuppression.FixedRanges;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Gives a model one fixed 8-bit range for each input of a matrix product, measured on training
 * texts of a task.
 */
public final class Calibrating {
  private final Task task;
  private final String recipe;
  private final List<ParsedStep<Step>> steps;
  private final long seed;

  /**
   * @param observer how a range follows from the values, one of {@link #observers}
   * @param rows training texts, at most all there are
   * @param seed of the draw of texts
   */
  public Calibrating(Task task, String observer, int rows, long seed) {
    this.task = task;
    this.recipe =
        "- quantize-activations: {bits: 8, observer: " + observer + ", rows: " + rows + "}\n";
    this.seed = seed;
    final RecipeFile<Step> parsed =
        RecipeFile.parse(
            "--calibrate", recipe.getBytes(StandardCharsets.UTF_8), new StepCatalogue());
    this.steps = parsed.steps();
  }

  /** How a range may follow from values. */
  public static List<String> observers() {
    return FixedRanges.observers();
  }

  /** Most texts that ranges can be measured on. */
  public static int mostRows() {
    return FixedRanges.mostRows();
  }

  /** What is done, YAML. */
  String recipe() {
    return recipe;
  }

  /** The task whose texts are measured. */
  String task() {
    return task.name();
  }

  /** The seed of the draw of texts. */
  long seed() {
    return seed;
  }

  /**
   * The same weights with ranges, beside what the model does already.
   *
   * @param like architecture, tokenizer and longest input
   * @throws dev.bantam.tensor.BantamException if the model has ranges of its own, or no training
   *     text of the task can be used
   */
  CompressedModel apply(
      Checkpoint like, CompressedModel weights, Workers workers, Progress progress) {
    Tasked.requireTokenizer(like);
    final Map<String, INDArray> live = weights.dense();
    try (EncoderModel model =
        new EncoderModel(like.architecture(), like.head(), like.pooling(), live, workers)) {
      final Map<String, Operation> operations = new TreeMap<>();
      weights.operations().forEach((place, o) -> operations.put(place, Operations.decode(o)));
      operations.forEach((place, operation) -> operation.attach(model, place));
      final CompressionState state =
          new CompressionState(
              live,
              Seeds.ofDraw(seed, 1),
              new Resources(
                  model,
                  task,
                  like.tokenizer().orElseThrow(),
                  like.maxLength(),
                  workers,
                  progress));
      state.carry(operations);
      steps.forEach(step -> step.value().apply(state));
      final Map<String, StoredOperation> stored = new TreeMap<>();
      state.operations().forEach((place, operation) -> stored.put(place, operation.stored()));
      return new CompressedModel(weights.tensors(), stored);
    } finally {
      Bench.free(live);
    }
  }

  /** A model as it is, and the training texts of a task; nothing to train with. */
  private record Resources(
      EncoderModel model,
      Task task,
      Tokenizer tokenizer,
      int maxLength,
      Workers workers,
      Progress progress)
      implements StepResources {
    private StepResources nothing() {
      return StepResources.weightsOnly(workers);
    }

    @Override
    public List<TokenizedExample> train() {
      return Tokenized.of(tokenizer, task.inputs(task.examples(Split.TRAIN)), maxLength);
    }

    @Override
    public List<TokenizedExample> tune() {
      return nothing().tune();
    }

    @Override
    public Map<String, INDArray> dense() {
      return nothing().dense();
    }

    @Override
    public EncoderModel teacher() {
      return nothing().teacher();
    }

    @Override
    public FineTuner.Resume resume() {
      return nothing().resume();
    }

    @Override
    public Path workFolder() {
      return nothing().workFolder();
    }

    @Override
    public <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make) {
      return nothing().shared(type, key, make);
    }
  }
}

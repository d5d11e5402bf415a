package dev.bantam.compression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a step may use beside the weights themselves: the model they belong to, data to calibrate
 * and train on, the uncompressed weights as a teacher, and a place for state that a later try goes
 * on from. Rows of dev and test are not reachable from here.
 */
public interface StepResources {
  /**
   * Threads for independent pieces of work, cut by the shape of the tensors, so that results do not
   * depend on their number.
   */
  Workers workers();

  /** Where long work is announced. */
  Progress progress();

  /**
   * The live model: its parameters are the tensors of the state, so what a step writes is seen by
   * the next pass and the other way round. A step that needs more than the interface, e.g. sites,
   * says so to a model that has none.
   */
  Model<Batch> model();

  /** The task that the model is for. */
  Task task();

  /** The training rows of this seed, tokenized; calibration rows are taken from them. */
  List<TokenizedExample> train();

  /** The rows on which whatever is chosen is chosen. */
  List<TokenizedExample> tune();

  /** The weights before any step, by name; not to be changed. */
  Map<String, INDArray> dense();

  /** A model of its own over {@link #dense()}, to learn from; the caller closes it. */
  EncoderModel teacher();

  /**
   * Keeps and finds the state of a training of this cell. The n-th call of a cell gets the n-th
   * training's, so steps must ask in the same order on every try.
   */
  FineTuner.Resume resume();

  /** A folder of this cell, kept if the process dies and emptied when the cell is done. */
  Path workFolder();

  /**
   * Something costly that cells of the same model and task can share, such as statistics of the
   * dense model: made once and kept until something else is asked for. The owner closes it, callers
   * do not.
   *
   * @param key says everything that it depends on
   */
  <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make);

  /**
   * For work on weights alone: a step that asks for anything else gets a {@link BantamException}
   * (usage) that tells the user to name a task.
   */
  static StepResources weightsOnly(Workers workers) {
    return new WeightsOnly(workers);
  }

  /** Workers, and nothing else. */
  record WeightsOnly(Workers workers) implements StepResources {
    @Override
    public Progress progress() {
      return Progress.NONE;
    }

    @Override
    public Model<Batch> model() {
      throw nothing("model");
    }

    @Override
    public Task task() {
      throw nothing("task");
    }

    @Override
    public List<TokenizedExample> train() {
      throw nothing("task's training rows");
    }

    @Override
    public List<TokenizedExample> tune() {
      throw nothing("task's tune rows");
    }

    @Override
    public Map<String, INDArray> dense() {
      throw nothing("copy of the uncompressed weights");
    }

    @Override
    public EncoderModel teacher() {
      throw nothing("model");
    }

    @Override
    public FineTuner.Resume resume() {
      throw nothing("model");
    }

    @Override
    public Path workFolder() {
      throw nothing("work folder");
    }

    @Override
    public <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make) {
      throw nothing("model");
    }

    private static BantamException nothing(String what) {
      return new BantamException(
          ExitCode.USAGE,
          "A step needs a "
              + what
              + ", and there are only the model's weights. Name the data with --task, or use the"
              + " step in an experiment.");
    }
  }
}

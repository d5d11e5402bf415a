package dev.bantam.runner.run;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.Model;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a cell offers its steps.
 *
 * @param bench with the weights of the state in its live model
 * @param examples training rows to use, as the fine-tuning of the seed did
 * @param seed the run's seed, as written
 * @param fineTuned the weights before any step
 * @param folder the cell's work folder
 */
record BenchResources(
    Bench bench, OptionalInt examples, long seed, Map<String, INDArray> fineTuned, Path folder)
    implements StepResources {
  @Override
  public Workers workers() {
    return bench.workers();
  }

  @Override
  public Progress progress() {
    return bench.progress();
  }

  @Override
  public Model<Batch> model() {
    return bench.model();
  }

  @Override
  public Task task() {
    return bench.subject().task();
  }

  @Override
  public List<TokenizedExample> train() {
    return bench.train(examples, seed);
  }

  @Override
  public List<TokenizedExample> tune() {
    return bench.split(Split.TUNE);
  }

  @Override
  public Map<String, INDArray> dense() {
    return Collections.unmodifiableMap(fineTuned);
  }

  @Override
  public Path workFolder() {
    return folder;
  }

  @Override
  public <T extends AutoCloseable> T shared(Class<T> type, String key, Supplier<T> make) {
    return bench.shared(type, key, make);
  }
}

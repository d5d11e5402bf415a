package dev.bantam.runner.run;

import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Workers;
import dev.bantam.training.FineTuner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What a cell offers its steps. */
final class BenchResources implements StepResources {
  private static final String RESUME = ".resume.safetensors";

  private final Bench bench;
  private final OptionalInt examples;
  private final long seed;
  private final Map<String, INDArray> fineTuned;
  private final Path folder;
  private int trainings;

  /**
   * @param bench with the weights of the state in its live model
   * @param examples training rows to use, as the fine-tuning of the seed did
   * @param seed the run's seed, as written
   * @param fineTuned the weights before any step
   * @param folder the cell's work folder
   */
  BenchResources(
      Bench bench, OptionalInt examples, long seed, Map<String, INDArray> fineTuned, Path folder) {
    this.bench = bench;
    this.examples = examples;
    this.seed = seed;
    this.fineTuned = fineTuned;
    this.folder = folder;
  }

  /** The file of the n-th training's state, from 1. */
  private static String resumeFile(int training) {
    return "training-" + training + RESUME;
  }

  /** Whether a work folder holds the state of a training. */
  static boolean hasTrained(Path folder) {
    return Files.isRegularFile(folder.resolve(resumeFile(1)));
  }

  /** Deletes what trainings of a finished cell have kept. */
  static void forgetTrainings(Path folder) {
    for (int n = 1; Files.isRegularFile(folder.resolve(resumeFile(n))); n++) {
      AtomicFiles.delete(folder.resolve(resumeFile(n)));
    }
  }

  @Override
  public EncoderModel teacher() {
    return bench.encoder(fineTuned);
  }

  @Override
  public FineTuner.Resume resume() {
    trainings++;
    return new SavedTraining(folder.resolve(resumeFile(trainings)));
  }

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

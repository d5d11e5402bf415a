package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.compression.CompressedModel;
import dev.bantam.data.Task;
import dev.bantam.dl4j.Dl4jModel;
import dev.bantam.dl4j.Dl4jNetwork;
import dev.bantam.dl4j.NumberRows;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A DL4J network as it was opened: from a zip, or from a folder that Bantam wrote. */
public final class SavedNetwork implements ModelSource {
  /** What DL4J loads, in the folders of networks. */
  static final String ZIP = "network.zip";

  private final String name;
  private final Dl4jNetwork structure;
  private final CompressedModel weights;
  private final Dl4jModel dense;

  private SavedNetwork(
      String name, Dl4jNetwork structure, CompressedModel weights, Dl4jModel dense) {
    this.name = name;
    this.structure = structure;
    this.weights = weights;
    this.dense = dense;
  }

  /** Whether a path names a network's zip, there or not, or a folder that holds one. */
  public static boolean is(Path path) {
    return Files.isDirectory(path)
        ? Files.isRegularFile(path.resolve(ZIP))
        : path.toString().toLowerCase(Locale.ROOT).endsWith(".zip");
  }

  /**
   * Opens a zip or a folder.
   *
   * @throws BantamException (bad input) saying what is wrong with it
   */
  public static SavedNetwork open(Path path) {
    if (!Files.isDirectory(path)) {
      final Dl4jNetwork structure = Dl4jNetwork.open(path);
      final Dl4jModel dense = structure.model();
      return new SavedNetwork(
          structure.name(), structure, ModelFolder.dense(dense.parameters()), dense);
    }
    final Dl4jNetwork structure = Dl4jNetwork.open(path.resolve(ZIP));
    final CompressedModel weights = PackedFile.read(path.resolve(ModelFolder.WEIGHTS));
    final Dl4jModel dense = structure.model();
    requireSameShapes(path, weights, dense.parameters());
    final Map<String, INDArray> restored = weights.dense();
    requireSameValues(path, restored, dense.parameters());
    Bench.free(restored);
    return new SavedNetwork(
        path.toAbsolutePath().normalize().getFileName().toString(), structure, weights, dense);
  }

  private static void requireSameShapes(
      Path folder, CompressedModel weights, Map<String, INDArray> parameters) {
    if (!weights.operations().isEmpty()
        || !weights.tensors().keySet().equals(parameters.keySet())
        || !weights.tensors().entrySet().stream()
            .allMatch(
                e -> Arrays.equals(e.getValue().shape(), parameters.get(e.getKey()).shape()))) {
      throw BantamException.badInput(
          folder
              + ": "
              + ModelFolder.WEIGHTS
              + " does not hold the parameters of "
              + ZIP
              + ". Take the folder as it was written.");
    }
  }

  /** The zip stands for the weights: its hash is the model's. */
  private static void requireSameValues(
      Path folder, Map<String, INDArray> restored, Map<String, INDArray> parameters) {
    restored.forEach(
        (parameter, values) -> {
          if (!Arrays.equals(Floats.toArray(values), Floats.toArray(parameters.get(parameter)))) {
            throw BantamException.badInput(
                folder
                    + ": "
                    + ModelFolder.WEIGHTS
                    + " and "
                    + ZIP
                    + " hold other values for '"
                    + parameter
                    + "'. Take the folder as it was written.");
          }
        });
  }

  @Override
  public String name() {
    return name;
  }

  /** Structure, and what the zip holds besides. */
  Dl4jNetwork structure() {
    return structure;
  }

  /** The weights in the forms that they are stored in. */
  CompressedModel weights() {
    return weights;
  }

  @Override
  public Map<String, INDArray> parameters() {
    return dense.parameters();
  }

  @Override
  public Optional<Tokenizer> tokenizer() {
    return Optional.of(structure.rows());
  }

  /** One: a row counts as a token. */
  @Override
  public int maxLength() {
    return 1;
  }

  @Override
  public Map<String, StoredOperation> operations() {
    return Map.of();
  }

  @Override
  public Checkpoint.Provenance provenance() {
    return new Checkpoint.Provenance(
        structure.source(), "not stated (the user's own file)", structure.sha256(), "");
  }

  /** A live network of its own over a copy of some weights. */
  Dl4jModel live(Map<String, INDArray> copied) {
    final Dl4jModel live = structure.model();
    live.load(copied);
    return live;
  }

  /** As {@link Subject#mismatch}. */
  Optional<String> mismatch(Task task) {
    if (task.features() == 0) {
      return Optional.of(
          "The network '"
              + name
              + "' reads rows of numbers, and the task '"
              + task.name()
              + "' is texts. Describe the data with 'features' and 'label'.");
    }
    final NumberRows rows = structure.rows();
    final boolean fits =
        rows.series() ? task.features() % rows.size() == 0 : task.features() == rows.size();
    if (!fits) {
      return Optional.of(
          String.format(
              Locale.ROOT,
              "The network '%s' reads %d numbers%s, and the task '%s' has %d. Check which columns"
                  + " 'features' names.",
              name,
              rows.size(),
              rows.series() ? " a step" : "",
              task.name(),
              task.features()));
    }
    return structure.outputs() == task.labels().size()
        ? Optional.empty()
        : Optional.of(
            String.format(
                Locale.ROOT,
                "The network '%s' has %d outputs, and the task '%s' %d classes. List all of them in"
                    + " the order of the outputs with 'classes'.",
                name,
                structure.outputs(),
                task.name(),
                task.labels().size()));
  }
}

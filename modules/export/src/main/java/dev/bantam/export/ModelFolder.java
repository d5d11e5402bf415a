package dev.bantam.export;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.HuggingFaceFiles;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.checkpoint.WeightNames;
import dev.bantam.checkpoint.WeightSource;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.UnwritableException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model folder in Hugging Face layout with packed weights, and back.
 *
 * <p>{@code config.json}, {@code tokenizer.json}, {@code model.safetensors} and {@code README.md},
 * the model card. If every tensor is stored dense, it has the names of the model's family and the
 * folder opens in any tool that reads the layout; else Bantam reads it, following docs/formats.md.
 */
public final class ModelFolder {
  /** Name of the weights' file. */
  public static final String WEIGHTS = "model.safetensors";

  /** Name of the model card. */
  public static final String CARD = "README.md";

  private ModelFolder() {}

  /**
   * Writes the files of a model into an existing folder.
   *
   * @param like architecture, head, pooling and tokenizer; its weights are not used
   * @param weights what is stored
   * @param card the model card, Markdown
   */
  public static SafetensorsWriter.Written write(
      Path folder, Checkpoint like, CompressedModel weights, String card) {
    describe(folder, like, card);
    return PackedFile.write(named(like, weights), folder.resolve(WEIGHTS));
  }

  /** With the names of the model's family, if any tool can read the weights; else as they are. */
  private static CompressedModel named(Checkpoint like, CompressedModel weights) {
    final boolean dense =
        weights.operations().isEmpty()
            && weights.tensors().values().stream().allMatch(DenseTensor.class::isInstance);
    return dense ? renamed(weights, name -> HuggingFaceFiles.storedName(like, name)) : weights;
  }

  private static CompressedModel renamed(CompressedModel weights, UnaryOperator<String> name) {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    weights.tensors().forEach((from, tensor) -> tensors.put(name.apply(from), tensor));
    return new CompressedModel(tensors, weights.operations());
  }

  /**
   * As {@link #write}, with the weights copied from a packed file; if they are all dense, under the
   * names of the model's family.
   *
   * @param packed a file written by {@link PackedFile#write}
   */
  public static void copy(Path folder, Checkpoint like, Path packed, String card) {
    describe(folder, like, card);
    final Path target = folder.resolve(WEIGHTS);
    if (!like.parameters().keySet().stream()
        .allMatch(name -> HuggingFaceFiles.storedName(like, name).equals(name))) {
      PackedFile.write(named(like, PackedFile.read(packed)), target);
      return;
    }
    try {
      Files.copy(packed, target);
    } catch (IOException e) {
      throw UnwritableException.of(target, e);
    }
  }

  /** Writes the files of a model beside its weights into an existing folder. */
  public static void describe(Path folder, Checkpoint like, String card) {
    HuggingFaceFiles.write(folder, like);
    AtomicFiles.write(folder.resolve(CARD), card);
  }

  /** All weights of a model stored dense, float32. */
  public static CompressedModel dense(Map<String, INDArray> weights) {
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    weights.forEach((name, tensor) -> tensors.put(name, DenseTensor.float32(tensor)));
    return new CompressedModel(tensors);
  }

  /** Whether a folder holds packed weights, or those of {@link CompressedTensorsFolder}. */
  public static boolean isPacked(Path folder) {
    return Files.isRegularFile(folder.resolve(WEIGHTS))
        && (CompressedTensorsFolder.is(folder) || PackedFile.isPacked(folder.resolve(WEIGHTS)));
  }

  /**
   * Opens a model of any form: as {@link Models#open}, and packed folders restored to float32.
   *
   * @throws BantamException (bad input) if there is no such model, or it cannot be read
   */
  public static Checkpoint open(String model, Models.Options options) {
    final Path folder = Models.isNamed(model) ? null : Models.path(model);
    return folder != null && Files.isDirectory(folder) && isPacked(folder)
        ? read(folder, options.progress())
        : Models.open(model, options);
  }

  /**
   * Reads a packed folder.
   *
   * @throws BantamException (bad input) naming everything that is wrong with it
   */
  public static Checkpoint read(Path folder, Progress progress) {
    return HuggingFaceFolder.read(
        folder, () -> new PackedWeights(folder.resolve(WEIGHTS), stored(folder)), progress);
  }

  /**
   * The weights of a packed folder in the forms that they are stored in, under canonical names.
   *
   * @param architecture of the model, as {@link #read} gave it
   */
  public static CompressedModel weights(Path folder, Architecture architecture) {
    return renamed(stored(folder), WeightNames.of(architecture)::canonical);
  }

  private static CompressedModel stored(Path folder) {
    return CompressedTensorsFolder.is(folder)
        ? CompressedTensorsFolder.read(folder)
        : PackedFile.read(folder.resolve(WEIGHTS));
  }

  /** The tensors of a packed file, each restored when it is asked for. */
  private static final class PackedWeights implements WeightSource {
    private final Path file;
    private final CompressedModel model;

    PackedWeights(Path file, CompressedModel model) {
      this.file = file;
      this.model = model;
    }

    @Override
    public Set<String> names() {
      return model.tensors().keySet();
    }

    @Override
    public long[] shape(String name) {
      return model.tensors().get(name).shape();
    }

    @Override
    public String unreadableType(String name) {
      return "";
    }

    @Override
    public INDArray floats(String name) {
      return model.tensors().get(name).dense();
    }

    @Override
    public Map<String, StoredOperation> operations() {
      return model.operations();
    }

    @Override
    public String sha256() {
      return SafetensorsFile.sha256(file);
    }

    @Override
    public void close() {
      // the file was closed when it had been read
    }
  }
}

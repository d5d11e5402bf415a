package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Opens models, whatever form they come in. */
public final class Models {
  private Models() {}

  /**
   * How to open.
   *
   * @param progress told about downloads and what is left out
   * @param offline whether to refuse downloads
   */
  public record Options(Progress progress, boolean offline) {
    /** Silent, downloads allowed. */
    public static final Options DEFAULT = new Options(Progress.NONE, false);

    public Options {
      Objects.requireNonNull(progress, "progress");
    }
  }

  /**
   * Opens a named model, a folder in Hugging Face layout, or an {@code .onnx} file with its {@code
   * tokenizer.json} beside it. A named model wins over a folder of the same name; write {@code
   * ./name} for the folder.
   *
   * @throws BantamException (bad input) if there is no such model, or it cannot be read
   */
  public static Checkpoint open(String model, Options options) {
    final Optional<NamedModel> named = NamedModels.find(model);
    if (named.isPresent()) {
      return NamedModels.open(
          named.get(), new MavenArtifacts(options.progress(), options.offline()));
    }
    final Path path = path(model);
    if (Files.isDirectory(path)) {
      return HuggingFaceFolder.read(path, options.progress());
    }
    if (model.toLowerCase(Locale.ROOT).endsWith(".onnx")) {
      return OnnxModel.open(path, options.progress());
    }
    if (Files.exists(path)) {
      throw Pickles.isPickle(path)
          ? Pickles.refused(path)
          : BantamException.badInput(
              path + " is neither a folder nor an .onnx file. Name the model's folder.");
    }
    throw NamedModels.unknown(model);
  }

  /**
   * The head that a model was pre-trained with to predict masked tokens, if its source has one: a
   * folder of a {@code ...ForMaskedLM}, or {@code bert-base-uncased}.
   *
   * @param model as for {@link #open}
   * @param opened what {@link #open} gave
   * @throws BantamException (bad input) if it cannot be read
   */
  public static Optional<MaskedLanguageHead> maskedLanguageHead(
      String model, Checkpoint opened, Options options) {
    final Optional<NamedModel> named = NamedModels.find(model);
    if (named.isPresent()) {
      return NamedModels.maskedLanguageHead(
          named.get(), new MavenArtifacts(options.progress(), options.offline()));
    }
    final Path path = path(model);
    return Files.isDirectory(path)
        ? MaskedLanguageHead.read(path, opened.architecture())
        : Optional.empty();
  }

  /** Whether the text is the name of a named model. */
  public static boolean isNamed(String model) {
    return NamedModels.find(model).isPresent();
  }

  /**
   * The text as a path.
   *
   * @throws BantamException (bad input) if no path can look like that
   */
  public static Path path(String model) {
    try {
      return Path.of(model);
    } catch (InvalidPathException e) {
      throw NamedModels.unknown(model);
    }
  }

  /**
   * A small model with random weights: the architecture, head, pooling and tokenizer of {@code
   * like} with its first {@code layers} layers. For trying a whole run in little time.
   *
   * @param layers 1 to the number of layers of {@code like}
   * @param seed seeds the weights; equal arguments give equal bits
   */
  public static Checkpoint random(Checkpoint like, int layers, long seed) {
    final Architecture a = like.architecture();
    if (layers < 1 || layers > a.layers().size()) {
      throw new IllegalArgumentException(
          "layers must be in 1.." + a.layers().size() + ", not " + layers);
    }
    final Architecture small = a.withFirstLayers(layers);
    final Map<String, INDArray> parameters = RandomWeights.draw(small, like.head(), seed);
    final MessageDigest digest = Hashes.sha256();
    parameters.values().forEach(array -> FloatTensors.update(digest, array));
    return new Checkpoint(
        like.name() + "-random",
        small,
        like.head(),
        like.pooling(),
        like.normalize(),
        like.maxLength(),
        parameters,
        like.tokenizer(),
        like.signature(),
        new Checkpoint.Provenance(
            String.format(
                Locale.ROOT,
                "random weights (seed %d, %d layers) in the shape of %s",
                seed,
                layers,
                like.provenance().source()),
            like.provenance().licence(),
            Hashes.hex(digest),
            like.provenance().attribution()));
  }
}

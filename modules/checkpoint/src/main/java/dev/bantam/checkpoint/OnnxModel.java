package dev.bantam.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Reads a BERT from an {@code .onnx} file and the files beside it, or above it if its folder is
 * called {@code onnx}, as models are laid out on the Hugging Face Hub: {@code tokenizer.json},
 * which must be there, {@code config.json} for the names of a head's outputs and whatever the file
 * does not tell, and the files of sentence-transformers.
 *
 * <p>Files of sentence-transformers win over what the ONNX file says about itself in its metadata.
 * A head stands on the pooler unless the metadata say otherwise.
 */
final class OnnxModel {
  private OnnxModel() {}

  /**
   * Reads a file.
   *
   * @param progress told what is left out
   * @throws BantamException (bad input) naming everything that is missing, surplus, misshaped or
   *     unsupported
   */
  static Checkpoint open(Path file, Progress progress) {
    final byte[] bytes = bytes(file);
    final Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent(), "parent");
    final Path described = described(file, folder);
    final Problems problems = new Problems("The files beside " + file + " cannot be used");
    final OnnxEncoder.Beside beside = beside(folder, described, problems);
    problems.throwIfAny();
    final OnnxEncoder encoder = OnnxEncoder.read(file.toString(), bytes, beside);
    if (!encoder.leftOut().isEmpty()) {
      progress.message(
          file
              + ": a head that is not supported is left out: "
              + String.join(", ", encoder.leftOut()));
    }
    final Architecture architecture = encoder.architecture();
    final SentenceFiles sentence =
        SentenceFiles.read(described, architecture.positions(), problems);
    final Optional<Head> head = encoder.head();
    final Pooling pooling = pooling(head, sentence, encoder.settings());
    if (pooling == Pooling.POOLER && !architecture.pooler()) {
      problems.add(
          "the pooling is 'pooler', and " + file + " has no 'pooler.dense.weight'; name another");
    }
    problems.throwIfAny();
    final String name = HuggingFaceFolder.name(file);
    final int limit =
        sentence
            .maxLength()
            .orElse(encoder.settings().maxLength().orElse(architecture.positions()));
    return new Checkpoint(
        name.substring(0, name.length() - ".onnx".length()),
        architecture,
        head,
        pooling,
        sentence.normalize().or(encoder.settings()::normalize).orElse(false),
        Math.min(architecture.positions(), limit),
        encoder.parameters(),
        HuggingFaceFolder.tokenizer(described, architecture.vocabularySize()),
        encoder.signature(),
        new Checkpoint.Provenance(
            name,
            encoder.settings().licence().orElse("unknown"),
            sha256(bytes, encoder),
            encoder.settings().attribution().orElse("")));
  }

  private static byte[] bytes(Path file) {
    try {
      if (!Files.isRegularFile(file)) {
        throw BantamException.badInput("There is no file " + file + ".");
      }
      if (Files.size(file) > Integer.MAX_VALUE - 8) {
        throw BantamException.badInput(file + " is larger than 2 GiB, which ONNX does not allow.");
      }
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  /** The folder of the files that describe a model. */
  private static Path described(Path file, Path folder) {
    if (Files.isRegularFile(folder.resolve("tokenizer.json"))) {
      return folder;
    }
    final Path above = folder.getParent();
    if (above != null
        && folder.endsWith("onnx")
        && Files.isRegularFile(above.resolve("tokenizer.json"))) {
      return above;
    }
    throw BantamException.badInput(
        file + " needs the model's tokenizer.json beside it, in " + folder + ".");
  }

  private static OnnxEncoder.Beside beside(Path folder, Path described, Problems problems) {
    final Optional<JsonObject> config =
        JsonObject.readIfPresent(described.resolve("config.json"), problems);
    if (config.isEmpty()) {
      return new OnnxEncoder.Beside(
          Optional.of(folder), OptionalInt.empty(), OptionalDouble.empty(), 0, Optional.empty());
    }
    final JsonObject json = config.get();
    if (json.text("model_type").filter(t -> !t.equals("bert")).isPresent()) {
      json.problem(
          "model_type",
          "ONNX files are read of \"bert\" (BERT, MiniLM, BGE, E5); open the model's own folder");
    }
    final JsonNode epsilon = json.at("layer_norm_eps");
    return new OnnxEncoder.Beside(
        Optional.of(folder),
        json.optionalInteger("num_attention_heads", 1),
        epsilon.isNumber() ? OptionalDouble.of(epsilon.doubleValue()) : OptionalDouble.empty(),
        json.optionalInteger("pad_token_id", 0).orElse(0),
        EncoderConfig.head(json, problems));
  }

  private static Pooling pooling(
      Optional<Head> head, SentenceFiles sentence, OnnxSettings settings) {
    return head.filter(h -> h.kind() != Head.Kind.TOKEN_LABEL).isPresent()
        ? settings.pooling().orElse(Pooling.POOLER)
        : sentence.pooling().or(settings::pooling).orElse(Pooling.MEAN);
  }

  /** Over the file, and the files that hold weights of it in order of their names. */
  private static String sha256(byte[] bytes, OnnxEncoder encoder) {
    if (encoder.externalFiles().isEmpty()) {
      return Hashes.of(bytes);
    }
    final MessageDigest digest = Hashes.sha256();
    digest.update(bytes);
    for (final Path file : encoder.externalFiles().values()) {
      try {
        Hashes.update(digest, file);
      } catch (IOException e) {
        throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
      }
    }
    return Hashes.hex(digest);
  }
}

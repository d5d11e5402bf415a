package dev.bantam.deltamerging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsFolder;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** An open model folder: its tensors by canonical name, its configuration, its vocabulary. */
final class SourceModel implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String name;
  private final Path path;
  private final SafetensorsFolder tensors;
  private final Optional<SafetensorsFile> statistics;
  private final JsonNode config;
  private final Map<String, String> stored;

  private SourceModel(
      MergeSources.Folder folder,
      SafetensorsFolder tensors,
      Optional<SafetensorsFile> statistics,
      JsonNode config,
      Map<String, String> stored) {
    this.name = folder.name();
    this.path = folder.path();
    this.tensors = tensors;
    this.statistics = statistics;
    this.config = config;
    this.stored = stored;
  }

  /**
   * Opens a folder; headers are read, tensors are not.
   *
   * @throws BantamException (bad input) if something is missing or malformed
   */
  static SourceModel open(MergeSources.Folder folder) {
    if (!Files.isDirectory(folder.path())) {
      throw BantamException.badInput(
          "There is no folder "
              + folder.path()
              + ", named as a model. Paths in a merge file start at the folder of that file.");
    }
    final JsonNode config = json(folder.path().resolve("config.json"));
    if (config.has("quantization_config")) {
      throw BantamException.badInput(
          folder.path()
              + " holds quantized weights, which cannot be merged. Name the model it was made from.");
    }
    final SafetensorsFolder tensors = SafetensorsFolder.open(folder.path());
    boolean complete = false;
    try {
      final Map<String, String> stored = new LinkedHashMap<>();
      for (String tensor : tensors.names()) {
        final String twin = stored.put(TensorNames.canonical(tensor), tensor);
        if (twin != null) {
          throw BantamException.badInput(
              folder.path() + ": '" + twin + "' and '" + tensor + "' are the same tensor.");
        }
      }
      final SourceModel model =
          new SourceModel(
              folder, tensors, folder.statistics().map(SafetensorsFile::open), config, stored);
      complete = true;
      return model;
    } finally {
      if (!complete) {
        tensors.close();
      }
    }
  }

  private static JsonNode json(Path file) {
    try {
      return JSON.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw BantamException.badInput(
          file + " is not JSON: " + e.getOriginalMessage() + ". Copy the file again.", e);
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot read " + file + ". A model folder needs it; check the folder's name.", e);
    }
  }

  String name() {
    return name;
  }

  Path path() {
    return path;
  }

  JsonNode config() {
    return config;
  }

  /** Stored names by canonical name, in the order of the files. */
  Map<String, String> stored() {
    return stored;
  }

  boolean has(String canonical) {
    return stored.containsKey(canonical);
  }

  /** The description of a tensor by its canonical name. */
  SafetensorsEntry entry(String canonical) {
    return tensors.entry(stored.get(canonical));
  }

  SafetensorsFolder tensors() {
    return tensors;
  }

  Optional<SafetensorsFile> statistics() {
    return statistics;
  }

  /** The names of the labels, in the order of the outputs of the head; empty if there are none. */
  Map<String, String> labels() {
    final Map<String, String> labels = new TreeMap<>();
    config
        .path("id2label")
        .properties()
        .forEach(e -> labels.put(e.getKey(), e.getValue().asText()));
    return labels;
  }

  /** The id of each token, if a file tells it. */
  Map<String, Integer> vocabulary() {
    final Map<String, Integer> ids = new TreeMap<>();
    if (Files.isRegularFile(path.resolve("tokenizer.json"))) {
      final JsonNode tokenizer = json(path.resolve("tokenizer.json"));
      final JsonNode vocabulary = tokenizer.path("model").path("vocab");
      vocabulary.properties().forEach(e -> ids.put(e.getKey(), e.getValue().asInt()));
      for (int i = 0; vocabulary.isArray() && i < vocabulary.size(); i++) {
        ids.put(vocabulary.get(i).path(0).asText(), i); // Unigram: pairs of token and score
      }
      tokenizer
          .path("added_tokens")
          .forEach(t -> ids.put(t.path("content").asText(), t.path("id").asInt()));
    } else if (Files.isRegularFile(path.resolve("vocab.txt"))) {
      try {
        int id = 0;
        for (String token : Files.readAllLines(path.resolve("vocab.txt"), StandardCharsets.UTF_8)) {
          ids.put(token, id++);
        }
      } catch (IOException e) {
        throw BantamException.badInput("Cannot read " + path.resolve("vocab.txt") + ": " + e, e);
      }
    }
    return ids;
  }

  /**
   * What tells this model from another, or from itself after a change: sizes, times and headers of
   * its files. Their content is not read.
   */
  String identity() {
    final MessageDigest digest = Hashes.sha256();
    try {
      for (Path file : tensors.paths()) {
        final String line =
            file.getFileName()
                + " "
                + Files.size(file)
                + " "
                + Files.getLastModifiedTime(file).toMillis()
                + "\n";
        digest.update(line.getBytes(StandardCharsets.UTF_8));
      }
      digest.update(config.toString().getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read the files of " + path + ": " + e, e);
    }
    for (String canonical : stored.keySet()) {
      digest.update(entry(canonical).toString().getBytes(StandardCharsets.UTF_8));
    }
    return Hashes.hex(digest);
  }

  @Override
  public void close() {
    tensors.close();
    statistics.ifPresent(SafetensorsFile::close);
  }
}

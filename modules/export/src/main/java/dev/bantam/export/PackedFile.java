package dev.bantam.export;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressedTensor.Part;
import dev.bantam.compression.StoredEntry;
import dev.bantam.compression.TensorSelector;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * A compressed model as one safetensors file.
 *
 * <p>Each tensor's entries are stored under its name and their suffix. The metadata key {@value
 * #KEY} holds JSON: the format's version, the order of the tensors, and the form and attributes of
 * each; and, if there are any, the operations of the model, whose tensors are stored as {@code
 * place/name}. Float32 and float16 tensors have no suffix, so any safetensors reader can load them.
 */
public final class PackedFile {
  /** Name of the metadata entry that describes the tensors. */
  public static final String KEY = "bantam";

  /** Version of the layout of models without operations. */
  public static final int VERSION = 1;

  /** Version of the layout with operations, the latest that is read. */
  public static final int WITH_OPERATIONS = 2;

  private static final String OPERATIONS = "operations";

  /** Most bytes of an entry, the reach of a Java array. */
  private static final long MAX_BYTES = Integer.MAX_VALUE - 8;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private PackedFile() {}

  /**
   * Writes a model; the same model gives the same bytes.
   *
   * @throws BantamException if the disk is too small or the folder cannot be written
   */
  public static SafetensorsWriter.Written write(CompressedModel model, Path file) {
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    final boolean plain = model.operations().isEmpty();
    final ObjectNode description =
        JSON.createObjectNode().put("version", plain ? VERSION : WITH_OPERATIONS);
    final ObjectNode tensors = description.putObject("tensors");
    model
        .tensors()
        .forEach(
            (name, tensor) -> {
              final ObjectNode entry = tensors.putObject(name).put("form", tensor.form());
              new TreeMap<>(tensor.attributes()).forEach(entry::put);
              for (StoredEntry stored : tensor.encode()) {
                writer.add(name + stored.suffix(), stored.type(), stored.shape(), stored.bytes());
              }
            });
    if (!plain) {
      PackedOperations.describe(model.operations(), description.putObject(OPERATIONS), writer);
    }
    return writer.metadata(KEY, description.toString()).write(file);
  }

  /**
   * What some bytes of a file are for.
   *
   * @param group {@code embeddings} (the word, position and type matrices), {@code encoder} (the
   *     six matrices of each layer, or those of a network that is none), {@code head} (the
   *     classifier), {@code rest} (biases, LayerNorms, pooler, operations, everything else) or
   *     {@code file}
   * @param part as {@link CompressedTensor.Part#id()}, or {@code header} for the group {@code file}
   * @param bytes more than 0
   */
  public record Size(String group, String part, long bytes) {}

  private static final Pattern EMBEDDING =
      Pattern.compile("embeddings\\.(word|position|token_type)_embeddings\\.weight");

  /**
   * Where the bytes of a packed file are; they add up to its length.
   *
   * @param model what the file holds
   * @param fileBytes its length, as {@link #write} returned it
   */
  public static List<Size> sizes(CompressedModel model, long fileBytes) {
    final Map<String, Map<Part, Long>> groups = new LinkedHashMap<>();
    List.of("embeddings", "encoder", "head", "rest")
        .forEach(group -> groups.put(group, new EnumMap<>(Part.class)));
    model
        .tensors()
        .forEach(
            (name, tensor) ->
                tensor
                    .parts()
                    .forEach(
                        (part, bytes) -> groups.get(group(name)).merge(part, bytes, Long::sum)));
    groups.get("rest").merge(Part.VALUES, PackedOperations.bytes(model.operations()), Long::sum);
    final List<Size> sizes = new ArrayList<>();
    long header = fileBytes;
    for (Map.Entry<String, Map<Part, Long>> group : groups.entrySet()) {
      for (Map.Entry<Part, Long> part : group.getValue().entrySet()) {
        if (part.getValue() > 0) {
          sizes.add(new Size(group.getKey(), part.getKey().id(), part.getValue()));
          header -= part.getValue();
        }
      }
    }
    if (header <= 0) {
      throw new IllegalArgumentException(
          "The model's parts have " + (fileBytes - header) + " bytes, its file " + fileBytes);
    }
    sizes.add(new Size("file", "header", header));
    return sizes;
  }

  /** The {@linkplain Size#group() group} of a tensor. */
  public static String group(String name) {
    if (EMBEDDING.matcher(name).matches()) {
      return "embeddings";
    }
    if (TensorSelector.isLayerMatrix(name)) {
      return "encoder";
    }
    return name.startsWith("classifier.") ? "head" : "rest";
  }

  /** Whether a safetensors file was written by this class. */
  public static boolean isPacked(Path file) {
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      return opened.metadata().containsKey(KEY);
    }
  }

  /**
   * Reads a model back; every tensor is equal to the one written, bit for bit.
   *
   * @throws BantamException (bad input) naming the tensor and what is wrong with it
   */
  public static CompressedModel read(Path file) {
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      final JsonNode description = description(file, opened.metadata().get(KEY));
      final Map<String, Map<String, StoredEntry>> entries =
          bySuffix(
              file,
              opened,
              description.path("tensors"),
              PackedOperations.entries(description.path(OPERATIONS)));
      final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
      description
          .path("tensors")
          .properties()
          .forEach(
              field ->
                  tensors.put(
                      field.getKey(), tensor(file, field.getKey(), field.getValue(), entries)));
      return new CompressedModel(
          tensors, PackedOperations.read(description.path(OPERATIONS), opened));
    }
  }

  private static JsonNode description(Path file, String text) {
    if (text == null) {
      throw BantamException.badInput(
          file + " is not a packed Bantam file: its metadata has no entry '" + KEY + "'.");
    }
    try {
      final JsonNode description = JSON.readTree(text);
      if (!description.path("version").isInt() || !description.path("tensors").isObject()) {
        throw BantamException.badInput(
            file + ": the metadata entry '" + KEY + "' lacks a version or the list of tensors.");
      }
      final int version = description.path("version").intValue();
      if (version == WITH_OPERATIONS
          && (!description.path(OPERATIONS).isObject() || description.path(OPERATIONS).isEmpty())) {
        throw BantamException.badInput(
            file + ": the metadata entry '" + KEY + "' lacks the operations of its version.");
      }
      if (version == VERSION && description.has(OPERATIONS)) {
        throw BantamException.badInput(
            file
                + ": the metadata entry '"
                + KEY
                + "' has operations, which its version "
                + VERSION
                + " does not know.");
      }
      if (version != VERSION && version != WITH_OPERATIONS) {
        throw BantamException.badInput(
            file
                + " has packed layout version "
                + version
                + ", but this Bantam reads versions up to "
                + WITH_OPERATIONS
                + ". Use the Bantam that wrote it, or a later one.");
      }
      return description;
    } catch (JsonProcessingException e) {
      throw BantamException.badInput(
          file + ": the metadata entry '" + KEY + "' is not JSON: " + e.getOriginalMessage(), e);
    }
  }

  /** Stored entries of each described tensor; an entry that belongs to none is an error. */
  private static Map<String, Map<String, StoredEntry>> bySuffix(
      Path file, SafetensorsFile opened, JsonNode tensors, Set<String> ofOperations) {
    final Map<String, Map<String, StoredEntry>> found = new TreeMap<>();
    final List<String> strangers = new ArrayList<>();
    for (Map.Entry<String, SafetensorsEntry> entry : opened.entries().entrySet()) {
      final String stored = entry.getKey();
      if (ofOperations.contains(stored)) {
        continue;
      }
      // a tensor's name is the longest described prefix that ends the name or stands before a dot
      String owner = stored;
      while (!tensors.has(owner) && owner.contains(".")) {
        owner = owner.substring(0, owner.lastIndexOf('.'));
      }
      if (!tensors.has(owner)) {
        strangers.add("'" + stored + "'");
        continue;
      }
      final String suffix = stored.substring(owner.length());
      if (!StoredEntry.isSuffix(suffix)) {
        strangers.add("'" + stored + "'");
        continue;
      }
      if (entry.getValue().bytes() > MAX_BYTES) {
        throw BantamException.badInput(
            file
                + ": '"
                + stored
                + "' has "
                + entry.getValue().bytes()
                + " bytes, the most is "
                + MAX_BYTES
                + ".");
      }
      found
          .computeIfAbsent(owner, o -> new TreeMap<>())
          .put(
              suffix,
              new StoredEntry(
                  suffix, entry.getValue().type(), entry.getValue().shape(), opened.bytes(stored)));
    }
    if (!strangers.isEmpty()) {
      throw BantamException.badInput(
          file
              + " holds entries of no described tensor or no known part: "
              + String.join(", ", strangers)
              + ".");
    }
    return found;
  }

  private static CompressedTensor tensor(
      Path file, String name, JsonNode description, Map<String, Map<String, StoredEntry>> entries) {
    try {
      final Map<String, String> attributes = attributes(description);
      final String form = attributes.remove("form");
      if (form == null) {
        throw BantamException.badInput("its description does not say its form.");
      }
      return CompressedTensor.decode(form, attributes, entries.getOrDefault(name, Map.of()));
    } catch (BantamException e) {
      throw new BantamException(
          e.exitCode(), file + ": tensor '" + name + "': " + e.getMessage(), e);
    }
  }

  static Map<String, String> attributes(JsonNode description) {
    if (!description.isObject()) {
      throw BantamException.badInput("its description is not a JSON object.");
    }
    final Map<String, String> attributes = new TreeMap<>();
    description
        .properties()
        .forEach(
            field -> {
              if (!field.getValue().isTextual()) {
                throw BantamException.badInput(
                    "its attribute '" + field.getKey() + "' is not a text.");
              }
              attributes.put(field.getKey(), field.getValue().textValue());
            });
    return attributes;
  }
}

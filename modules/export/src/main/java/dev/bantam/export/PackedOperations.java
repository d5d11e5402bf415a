package dev.bantam.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.tensor.BantamException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The operations of a packed file: described in its metadata, tensors as {@code place/name}. */
final class PackedOperations {
  private static final String KIND = "operation";
  private static final String ATTRIBUTES = "attributes";
  private static final String TENSORS = "tensors";
  private static final Set<String> KEYS = Set.of(KIND, ATTRIBUTES, TENSORS);

  private PackedOperations() {}

  /** Name of an operation's tensor in the file. */
  private static String entry(String place, String name) {
    return place + "/" + name;
  }

  static void describe(
      Map<String, StoredOperation> operations, ObjectNode description, SafetensorsWriter writer) {
    new TreeMap<>(operations)
        .forEach(
            (place, operation) -> {
              final ObjectNode node = description.putObject(place).put(KIND, operation.kind());
              final ObjectNode attributes = node.putObject(ATTRIBUTES);
              operation.attributes().forEach(attributes::put);
              final ArrayNode tensors = node.putArray(TENSORS);
              operation
                  .tensors()
                  .forEach(
                      (name, tensor) -> {
                        tensors.add(name);
                        writer.add(entry(place, name), SafetensorsType.F32, tensor);
                      });
            });
  }

  /** Bytes of the tensors of all operations. */
  static long bytes(Map<String, StoredOperation> operations) {
    return operations.values().stream()
        .flatMap(operation -> operation.tensors().values().stream())
        .mapToLong(tensor -> Float.BYTES * tensor.length())
        .sum();
  }

  /** Names of all entries that belong to described operations. */
  static Set<String> entries(JsonNode description) {
    final Set<String> names = new TreeSet<>();
    description
        .properties()
        .forEach(
            operation ->
                operation
                    .getValue()
                    .path(TENSORS)
                    .forEach(name -> names.add(entry(operation.getKey(), name.asText()))));
    return names;
  }

  /**
   * Reads what {@link #describe} wrote.
   *
   * @throws BantamException (bad input) naming the place and what is wrong there
   */
  static Map<String, StoredOperation> read(JsonNode description, SafetensorsFile file) {
    final Map<String, StoredOperation> operations = new LinkedHashMap<>();
    description
        .properties()
        .forEach(
            operation -> {
              try {
                operations.put(
                    operation.getKey(), operation(operation.getKey(), operation.getValue(), file));
              } catch (BantamException e) {
                throw new BantamException(
                    e.exitCode(),
                    file.path() + ": operation at '" + operation.getKey() + "': " + e.getMessage(),
                    e);
              }
            });
    return operations;
  }

  private static StoredOperation operation(
      String place, JsonNode description, SafetensorsFile file) {
    final Set<String> found = new TreeSet<>();
    description.fieldNames().forEachRemaining(found::add);
    if (!found.equals(KEYS)
        || !description.path(KIND).isTextual()
        || !description.path(ATTRIBUTES).isObject()
        || !description.path(TENSORS).isArray()) {
      throw BantamException.badInput(
          "its description has to have the keys "
              + new TreeSet<>(KEYS)
              + ": a text, an object of texts and a list of names.");
    }
    final Map<String, INDArray> tensors = new LinkedHashMap<>();
    for (JsonNode name : description.path(TENSORS)) {
      final String entry = entry(place, name.asText());
      final SafetensorsEntry stored = file.entries().get(entry);
      if (!name.isTextual() || stored == null || stored.type() != SafetensorsType.F32) {
        throw BantamException.badInput("its tensor '" + entry + "' is missing, or not F32.");
      }
      if (tensors.put(name.asText(), file.floats(entry)) != null) {
        throw BantamException.badInput("its tensor '" + entry + "' is listed twice.");
      }
    }
    return new StoredOperation(
        description.path(KIND).textValue(),
        PackedFile.attributes(description.path(ATTRIBUTES)),
        tensors);
  }
}

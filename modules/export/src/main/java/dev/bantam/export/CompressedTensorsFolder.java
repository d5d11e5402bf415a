package dev.bantam.export;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.HuggingFaceFiles;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.GroupedTensor.Zero;
import dev.bantam.compression.Groups;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A model folder in Hugging Face layout whose integer weights are stored as the library
 * compressed-tensors stores them, and back: {@code quantization_config} in {@code config.json}, and
 * entries beside each other in {@code model.safetensors}.
 *
 * <p>8-bit codes with one scale a row, and all tables, are {@code int-quantized}: {@code X.weight}
 * I8, {@code X.weight_scale}, perhaps {@code X.weight_zero_point} I8. Others are {@code
 * pack-quantized}: {@code X.weight_packed} I32, {@code X.weight_scale}, {@code X.weight_shape},
 * perhaps {@code X.weight_zero_point} I32, packed along the outputs. Scales are F32. Activations
 * are not touched.
 */
public final class CompressedTensorsFolder {
  private static final String CONFIG = "config.json";
  private static final String KEY = "quantization_config";
  private static final String METHOD = "compressed-tensors";

  /** The version of the library whose files these are. */
  private static final String VERSION = "0.20.0";

  private static final String WEIGHT = ".weight";
  private static final String PACKED = ".weight_packed";
  private static final String SCALE = ".weight_scale";
  private static final String ZERO_POINT = ".weight_zero_point";
  private static final String SHAPE = ".weight_shape";

  /** A buffer of old files that numbers the positions. */
  private static final String POSITIONS = "position_ids";

  private static final ObjectMapper JSON = new ObjectMapper();

  private CompressedTensorsFolder() {}

  /** Whether the format holds a matrix as it is. */
  public static boolean holdsMatrix(CompressedTensor tensor) {
    return tensor instanceof DenseTensor
        || (tensor instanceof GroupedTensor grouped
            && grouped.shape().length == 2
            && grouped.zero() != Zero.OFFSET
            && grouped.groups().height() == 1
            && grouped.groups().columns() % grouped.groups().width() == 0);
  }

  /** Whether the format holds an embedding table as it is: one scale a row. */
  public static boolean holdsTable(CompressedTensor tensor) {
    return tensor instanceof DenseTensor
        || (tensor instanceof GroupedTensor grouped && holdsMatrix(tensor) && perRow(grouped));
  }

  private static boolean perRow(GroupedTensor tensor) {
    return tensor.groups().width() == tensor.groups().columns();
  }

  private static boolean isTable(String module) {
    return module.endsWith("embeddings");
  }

  /** Whether codes are stored as they are, a byte each. */
  private static boolean plain(String module, GroupedTensor tensor) {
    return isTable(module) || (tensor.bits() == Byte.SIZE && perRow(tensor));
  }

  /** Whether a matrix is stored with packed zero points, which not every reader takes. */
  public static boolean hasPackedZeroPoints(CompressedModel weights) {
    return weights.tensors().entrySet().stream()
        .anyMatch(
            e ->
                e.getValue() instanceof GroupedTensor grouped
                    && grouped.zero() == Zero.INTEGER
                    && !plain(module(e.getKey()), grouped));
  }

  private static String module(String weight) {
    return weight.substring(0, weight.length() - WEIGHT.length());
  }

  /**
   * Writes the files of a model into an existing folder.
   *
   * @param like architecture, head, pooling and tokenizer; its weights are not used
   * @param weights without operations; grouped tensors that the format holds, others dense
   * @param card the model card, Markdown
   */
  public static SafetensorsWriter.Written write(
      Path folder, Checkpoint like, CompressedModel weights, String card) {
    if (!weights.operations().isEmpty()) {
      throw new IllegalArgumentException("the format holds no operations");
    }
    ModelFolder.describe(folder, like, card);
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    final Map<String, List<String>> schemes = new LinkedHashMap<>();
    final List<String> ignored = new ArrayList<>();
    weights
        .tensors()
        .forEach(
            (canonical, tensor) -> {
              final String name = HuggingFaceFiles.storedName(like, canonical);
              if (tensor instanceof GroupedTensor grouped) {
                final String module = module(name);
                schemes
                    .computeIfAbsent(scheme(module, grouped).toString(), s -> new ArrayList<>())
                    .add(module);
                add(writer, module, grouped);
              } else {
                if (tensor.shape().length == 2 && name.endsWith(WEIGHT) && !isTable(module(name))) {
                  ignored.add(module(name));
                }
                final INDArray dense = tensor.dense();
                writer.add(name, SafetensorsType.F32, dense);
              }
            });
    describe(folder.resolve(CONFIG), schemes, ignored);
    return writer.write(folder.resolve(ModelFolder.WEIGHTS));
  }

  private static void add(SafetensorsWriter writer, String module, GroupedTensor tensor) {
    final Groups groups = tensor.groups();
    final int rows = groups.rows();
    final int columns = groups.columns();
    final int bits = tensor.bits();
    final boolean zeros = tensor.zero() == Zero.INTEGER;
    if (plain(module, tensor)) {
      writer.add(module + WEIGHT, SafetensorsType.I8, new long[] {rows, columns}, tensor.codes());
    } else {
      writer.add(
          module + PACKED,
          SafetensorsType.I32,
          new long[] {rows, PackedWords.words(columns, bits)},
          PackedWords.rows(tensor.codes(), rows, columns, bits));
      final ByteBuffer shape = ByteBuffer.allocate(2 * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      shape.putLong(rows).putLong(columns);
      writer.add(module + SHAPE, SafetensorsType.I64, new long[] {2}, shape.array());
    }
    writer.add(
        module + SCALE, SafetensorsType.F32, Floats.tensor(tensor.scales(), rows, groups.across()));
    if (zeros && plain(module, tensor)) {
      writer.add(
          module + ZERO_POINT,
          SafetensorsType.I8,
          new long[] {rows, groups.across()},
          tensor.zeroPoints());
    } else if (zeros) {
      writer.add(
          module + ZERO_POINT,
          SafetensorsType.I32,
          new long[] {PackedWords.words(rows, bits), groups.across()},
          PackedWords.columns(tensor.zeroPoints(), rows, groups.across(), bits));
    }
  }

  /** How a module is quantized, as an entry of {@code config_groups} without its targets. */
  private static ObjectNode scheme(String module, GroupedTensor tensor) {
    final ObjectNode scheme =
        JSON.createObjectNode()
            .put("format", plain(module, tensor) ? "int-quantized" : "pack-quantized")
            .putNull("input_activations")
            .putNull("output_activations");
    scheme.put("table", isTable(module));
    final ObjectNode weights = scheme.putObject("weights").put("dynamic", false);
    if (perRow(tensor)) {
      weights.putNull("group_size");
    } else {
      weights.put("group_size", tensor.groups().width());
    }
    weights
        .put("num_bits", tensor.bits())
        .put("strategy", perRow(tensor) ? "channel" : "group")
        .put("symmetric", tensor.zero() == Zero.NONE)
        .put("type", "int");
    return scheme;
  }

  private static void describe(Path file, Map<String, List<String>> schemes, List<String> ignored) {
    try {
      final ObjectNode config = (ObjectNode) JSON.readTree(Files.readAllBytes(file));
      final ObjectNode quantization = config.putObject(KEY);
      final ObjectNode groups = quantization.putObject("config_groups");
      final Map<String, Integer> formats = new TreeMap<>();
      final long matrices =
          schemes.values().stream().filter(modules -> !isTable(modules.get(0))).count();
      for (Map.Entry<String, List<String>> entry : schemes.entrySet()) {
        final ObjectNode scheme = (ObjectNode) JSON.readTree(entry.getKey());
        final boolean table = scheme.remove("table").booleanValue();
        formats.merge(scheme.path("format").textValue(), 1, Integer::sum);
        final ArrayNode targets = scheme.putArray("targets");
        if (!table && matrices == 1) {
          targets.add("Linear");
        } else {
          entry.getValue().forEach(targets::add);
        }
        groups.set("group_" + groups.size(), scheme);
      }
      quantization.put(
          "format", formats.size() == 1 ? formats.keySet().iterator().next() : "mixed-precision");
      quantization.putNull("global_compression_ratio");
      final ArrayNode ignore = quantization.putArray("ignore");
      ignored.forEach(ignore::add);
      quantization.putNull("kv_cache_scheme");
      quantization.put("quant_method", METHOD).put("quantization_status", "compressed");
      quantization.putObject("sparsity_config");
      quantization.putObject("transform_config");
      quantization.put("version", VERSION);
      AtomicFiles.write(
          file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(config) + "\n");
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + " back: " + e + ".", e);
    }
  }

  /** Whether a folder's configuration says that its weights are stored in this way. */
  static boolean is(Path folder) {
    return METHOD.equals(config(folder).path(KEY).path("quant_method").asText());
  }

  private static JsonNode config(Path folder) {
    final Path file = folder.resolve(CONFIG);
    try {
      return Files.isRegularFile(file)
          ? JSON.readTree(Files.readAllBytes(file))
          : JSON.missingNode();
    } catch (JsonProcessingException e) {
      return JSON.missingNode(); // whoever reads the model says what is wrong
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }

  /**
   * The weights of a folder in the forms that they are stored in, under the names of the file.
   *
   * @throws BantamException (bad input) naming what is missing, surplus or of another kind; also if
   *     the configuration asks for activations to be quantized
   */
  static CompressedModel read(Path folder) {
    final JsonNode quantization = config(folder).path(KEY);
    requireWeightsOnly(folder, quantization);
    for (String other : List.of("kv_cache_scheme", "sparsity_config", "transform_config")) {
      if (!quantization.path(other).isEmpty()) {
        throw BantamException.badInput(
            folder.resolve(CONFIG)
                + ": '"
                + KEY
                + "' has a '"
                + other
                + "', which is not read: the model would give other outputs. Take the model that"
                + " this one was made from.");
      }
    }
    return weights(folder, quantization);
  }

  private static void requireWeightsOnly(Path folder, JsonNode quantization) {
    for (JsonNode group : quantization.path("config_groups")) {
      if (group.path("input_activations").isObject()
          || group.path("output_activations").isObject()) {
        throw BantamException.badInput(
            folder.resolve(CONFIG)
                + ": '"
                + KEY
                + "' quantizes activations, which is not read from there: the model would give"
                + " other outputs. Take the model that this one was made from.");
      }
    }
  }

  /** As {@link #read}, whatever the configuration says beside the widths. */
  static CompressedModel weights(Path folder, JsonNode quantization) {
    final Path path = folder.resolve(ModelFolder.WEIGHTS);
    final Map<String, CompressedTensor> tensors = new LinkedHashMap<>();
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      final Set<String> left = new TreeSet<>(file.entries().keySet());
      left.removeIf(name -> name.endsWith(POSITIONS)); // 0, 1, 2, ...
      for (String name : file.entries().keySet()) {
        final boolean packed = name.endsWith(PACKED);
        if (packed || (name.endsWith(WEIGHT) && file.entry(name).type() == SafetensorsType.I8)) {
          final String module =
              packed ? name.substring(0, name.length() - PACKED.length()) : module(name);
          if (packed && file.entries().containsKey(module + WEIGHT)) {
            throw BantamException.badInput(
                path + " holds '" + module + WEIGHT + "' twice, packed and as it is.");
          }
          tensors.put(
              module + WEIGHT,
              grouped(file, module, packed ? m -> bits(quantization, m) : m -> Byte.SIZE));
          left.removeAll(
              List.of(name, module + SCALE, module + ZERO_POINT, packed ? module + SHAPE : name));
        }
      }
      for (String name : List.copyOf(left)) {
        if (file.entry(name).type().readsAsFloat() && !name.matches(".*_(scale|zero_point)")) {
          tensors.put(name, DenseTensor.float32(file.floats(name)));
          left.remove(name);
        }
      }
      if (!left.isEmpty()) {
        throw BantamException.badInput(
            path
                + " holds "
                + String.join(", ", left)
                + ", which is not read: the model would give other outputs. Take the model that"
                + " this one was made from.");
      }
    }
    return new CompressedModel(tensors);
  }

  private static GroupedTensor grouped(
      SafetensorsFile file, String module, ToIntFunction<String> width) {
    try {
      final boolean packed = file.entries().containsKey(module + PACKED);
      final long[] shape = shape(file, module, packed);
      final int rows = Math.toIntExact(shape[0]);
      final int columns = Math.toIntExact(shape[1]);
      final int bits = width.applyAsInt(module);
      final long[] scales = require(file, module + SCALE).shape();
      if (scales.length != 2
          || scales[0] != rows
          || scales[1] < 1
          || columns % scales[1] != 0
          || !file.entry(module + SCALE).type().readsAsFloat()) {
        throw BantamException.badInput(
            "its scales have the shape "
                + Arrays.toString(scales)
                + ", and its codes "
                + Arrays.toString(shape)
                + ".");
      }
      final int across = Math.toIntExact(scales[1]);
      if (packed) {
        requireShape(file, module + PACKED, rows, PackedWords.words(columns, bits));
      }
      final Groups groups = Groups.ofColumns(rows, columns, columns / across);
      final byte[] codes =
          packed
              ? PackedWords.fromRows(
                  bytes(file, module + PACKED, SafetensorsType.I32), rows, columns, bits)
              : file.bytes(module + WEIGHT);
      final float[] values = Floats.toArray(file.floats(module + SCALE));
      if (!file.entries().containsKey(module + ZERO_POINT)) {
        return GroupedTensor.symmetric(shape, bits, groups, codes, values, SafetensorsType.F32);
      }
      requireShape(
          file, module + ZERO_POINT, packed ? PackedWords.words(rows, bits) : rows, across);
      final byte[] zeros =
          packed
              ? PackedWords.fromColumns(
                  bytes(file, module + ZERO_POINT, SafetensorsType.I32), rows, across, bits)
              : bytes(file, module + ZERO_POINT, SafetensorsType.I8);
      return GroupedTensor.affine(shape, bits, groups, codes, values, zeros, SafetensorsType.F32);
    } catch (BantamException e) {
      throw new BantamException(
          e.exitCode(), file.path() + ": '" + module + "': " + e.getMessage(), e);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw BantamException.badInput(
          file.path() + ": '" + module + "': " + e.getMessage() + ".", e);
    }
  }

  /** [out, in] of the codes. */
  private static long[] shape(SafetensorsFile file, String module, boolean packed) {
    if (!packed) {
      return requireMatrix(file, module + WEIGHT);
    }
    final byte[] bytes = bytes(file, module + SHAPE, SafetensorsType.I64);
    if (bytes.length != 2 * Long.BYTES) {
      throw BantamException.badInput("'" + module + SHAPE + "' does not hold two numbers.");
    }
    final ByteBuffer sizes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    final long[] shape = {sizes.getLong(), sizes.getLong()};
    if (requireMatrix(file, module + PACKED)[0] != shape[0] || shape[1] < 1) {
      throw BantamException.badInput(
          "'" + module + SHAPE + "' says " + Arrays.toString(shape) + ", which its codes are not.");
    }
    return shape;
  }

  private static long[] requireMatrix(SafetensorsFile file, String name) {
    final long[] shape = file.entry(name).shape();
    if (shape.length != 2 || shape[0] < 1 || shape[1] < 1) {
      throw BantamException.badInput(
          "'" + name + "' has the shape " + Arrays.toString(shape) + ", and is to be a matrix.");
    }
    return shape;
  }

  private static void requireShape(SafetensorsFile file, String name, long rows, long columns) {
    final long[] shape = require(file, name).shape();
    if (!Arrays.equals(shape, new long[] {rows, columns})) {
      throw BantamException.badInput(
          String.format(
              Locale.ROOT,
              "'%s' has the shape %s instead of [%d, %d].",
              name,
              Arrays.toString(shape),
              rows,
              columns));
    }
  }

  private static SafetensorsEntry require(SafetensorsFile file, String name) {
    final SafetensorsEntry entry = file.entries().get(name);
    if (entry == null) {
      throw BantamException.badInput("'" + name + "' is missing.");
    }
    return entry;
  }

  private static byte[] bytes(SafetensorsFile file, String name, SafetensorsType type) {
    if (require(file, name).type() != type) {
      throw BantamException.badInput(
          "'" + name + "' is " + file.entry(name).type() + ", not " + type + ".");
    }
    return file.bytes(name);
  }

  /** The width that the group of a module says: by its name, a pattern, or the class. */
  private static int bits(JsonNode quantization, String module) {
    for (int pass = 0; pass < 3; pass++) {
      for (JsonNode group : quantization.path("config_groups")) {
        for (JsonNode target : group.path("targets")) {
          final String text = target.asText();
          final boolean matches =
              switch (pass) {
                case 0 -> text.equals(module);
                case 1 -> text.startsWith("re:") && looksLike(text.substring(3), module);
                default -> text.equals(isTable(module) ? "Embedding" : "Linear");
              };
          final int bits = group.path("weights").path("num_bits").asInt();
          if (matches && bits >= 1 && bits <= Byte.SIZE) {
            return bits;
          }
        }
      }
    }
    throw BantamException.badInput("'" + KEY + "' does not say how many bits its codes have.");
  }

  /** Whether a module's name begins with what a pattern describes, as the library matches. */
  private static boolean looksLike(String pattern, String module) {
    try {
      return Pattern.compile(pattern).matcher(module).lookingAt();
    } catch (PatternSyntaxException e) {
      throw BantamException.badInput(
          "'"
              + KEY
              + "' has the pattern '"
              + pattern
              + "', which is none: "
              + e.getDescription()
              + ".",
          e);
    }
  }
}

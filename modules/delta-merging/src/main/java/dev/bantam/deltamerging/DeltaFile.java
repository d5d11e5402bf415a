package dev.bantam.deltamerging;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.Workers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A fine-tuned model as its differences to a base, in one safetensors file (docs/formats.md, "Delta
 * files"). The base is named with the SHA-256 of its weights and of each of its tensors, and
 * another one is refused. Safe for use by several threads.
 */
public final class DeltaFile implements AutoCloseable {
  /** The usual name of the file. */
  public static final String NAME = "delta.safetensors";

  private static final String FORMAT = "bantam-delta";
  private static final String VERSION = "1";
  private static final String VALUES = ".values";
  private static final String SCALE = ".scale";
  private static final String MASK = ".mask";
  private static final String ROWS = ".rows";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final SafetensorsFile file;
  private final Map<String, JsonNode> descriptions = new LinkedHashMap<>();
  private final List<String> names = new ArrayList<>();

  /**
   * The model that deltas are taken from.
   *
   * @param name by which it is found again
   * @param sha256 of its weights' files, lower-case hex
   */
  public record BaseModel(String name, String sha256) {}

  /** What stored bytes are for. */
  public enum Kind {
    /** Differences as floating point numbers. */
    VALUES,
    /** Differences as integer codes or signs. */
    CODES,
    /** Scales of codes. */
    SCALES,
    /** Bitmaps, gaps and bits of rows. */
    MASKS,
    /** Tensors stored in full. */
    WHOLE;

    /** The name in reports; what is whole are values. */
    public String id() {
      return this == WHOLE ? VALUES.id() : name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Bytes of one tensor.
   *
   * @param bytes more than 0
   */
  public record StoredPart(String tensor, Kind kind, long bytes) {}

  /**
   * Where the bytes of a file are; their sum is its length.
   *
   * @param parts of all tensors, in the order of the file
   * @param header the rest
   */
  public record Sizes(List<StoredPart> parts, long header) {
    public Sizes {
      parts = List.copyOf(parts);
    }

    /** Bytes of some kinds. */
    public long of(Kind... kinds) {
      final List<Kind> wanted = List.of(kinds);
      return parts.stream()
          .filter(p -> wanted.contains(p.kind()))
          .mapToLong(StoredPart::bytes)
          .sum();
    }

    /** Bytes of one tensor. */
    public long of(String tensor) {
      return parts.stream()
          .filter(p -> p.tensor().equals(tensor))
          .mapToLong(StoredPart::bytes)
          .sum();
    }

    /** Length of the file. */
    public long total() {
      return header + of(Kind.values());
    }
  }

  private DeltaFile(SafetensorsFile file) {
    this.file = file;
  }

  /**
   * Writes a file.
   *
   * @param tuned all tensors of the model; those that the base lacks, or has in another shape, and
   *     those that the coding names are stored in full
   * @param moments second moments of the inputs [in, in] by the names of weights; scales of signs
   *     are calibrated on them where they are there
   * @return lengths by part
   */
  public static Sizes write(
      Path path,
      BaseModel origin,
      DeltaCoding coding,
      Map<String, INDArray> base,
      Map<String, INDArray> tuned,
      Map<String, INDArray> moments,
      Workers workers) {
    final List<String> names = List.copyOf(tuned.keySet());
    final DeltaCode[] codes = new DeltaCode[names.size()];
    workers.run(
        names.size(),
        (index, worker) -> {
          final String name = names.get(index);
          if (isDelta(name, coding, base, tuned)) {
            codes[index] =
                encode(
                    name,
                    coding,
                    Floats.toArray(base.get(name)),
                    Floats.toArray(tuned.get(name)),
                    tuned.get(name).shape(),
                    moments.get(name));
          }
        });
    final SafetensorsWriter writer =
        new SafetensorsWriter()
            .metadata("format", FORMAT)
            .metadata("version", VERSION)
            .metadata("base", origin.name())
            .metadata("base_sha256", origin.sha256())
            .metadata("coding", coding.toString())
            .metadata("generator", RandomMask.GENERATOR)
            .metadata("seed", Long.toString(coding.seed()));
    final List<StoredPart> parts = new ArrayList<>();
    for (int i = 0; i < codes.length; i++) {
      final String name = names.get(i);
      final DeltaCode code = codes[i];
      if (code == null) {
        writer.add(name, SafetensorsType.F32, tuned.get(name));
        parts.add(new StoredPart(name, Kind.WHOLE, Float.BYTES * tuned.get(name).length()));
        continue;
      }
      writer.metadata(
          "delta." + name, describe(code, tuned.get(name).shape(), coding, base.get(name)));
      final long values = add(writer, name + VALUES, code.values());
      long masks = add(writer, name + MASK, code.mask());
      masks += add(writer, name + ROWS, code.rows() == null ? new byte[0] : code.rows());
      writer.add(
          name + SCALE,
          SafetensorsType.F32,
          new long[] {1},
          ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(code.scale()).array());
      final Kind kind = coding.bits() < Short.SIZE ? Kind.CODES : Kind.VALUES;
      for (StoredPart part :
          List.of(
              new StoredPart(name, kind, values),
              new StoredPart(name, Kind.MASKS, masks),
              new StoredPart(name, Kind.SCALES, Float.BYTES))) {
        if (part.bytes() > 0) {
          parts.add(part);
        }
      }
    }
    final long total = writer.write(path).bytes();
    return new Sizes(parts, total - new Sizes(parts, 0).total());
  }

  private static boolean isDelta(
      String name, DeltaCoding coding, Map<String, INDArray> base, Map<String, INDArray> tuned) {
    return !coding.isWhole(name)
        && base.containsKey(name)
        && Arrays.equals(base.get(name).shape(), tuned.get(name).shape());
  }

  private static long add(SafetensorsWriter writer, String name, byte[] bytes) {
    if (bytes.length > 0) {
      writer.add(name, SafetensorsType.U8, new long[] {bytes.length}, bytes);
    }
    return bytes.length;
  }

  private static DeltaCode encode(
      String name,
      DeltaCoding coding,
      float[] base,
      float[] tuned,
      long[] shape,
      INDArray moments) {
    final int columns = shape.length == 0 ? 1 : Math.toIntExact(shape[shape.length - 1]);
    final float[] delta = difference(base, tuned, coding);
    final boolean[] kept = new boolean[delta.length];
    final long key = RandomMask.key(coding.seed(), TensorNames.canonical(name), "stored");
    switch (coding.sparsifier()) {
      case DARE -> {
        final long threshold = RandomMask.threshold(coding.density());
        for (int i = 0; i < delta.length; i++) {
          kept[i] = coding.density() >= 1 || RandomMask.keeps(key, i, threshold);
          delta[i] = kept[i] ? (float) (delta[i] / coding.density()) : 0f;
        }
      }
      case MAGNITUDE -> {
        Magnitudes.keepLargest(delta, coding.density());
        for (int i = 0; i < delta.length; i++) {
          kept[i] = delta[i] != 0;
        }
      }
      default -> Arrays.fill(kept, true);
    }
    float scale = Float.NaN;
    if (coding.bits() == 1 && moments != null && coding.sparsifier() == Sparsifier.NONE) {
      scale = BitDelta.calibratedScale(delta, Floats.toArray(moments), columns);
    }
    return DeltaCode.encode(delta, kept, columns, coding, key, scale);
  }

  private static float[] difference(float[] base, float[] tuned, DeltaCoding coding) {
    final float[] delta = tuned.clone();
    if (!coding.isExact()) {
      Deltas.subtract(delta, base, Precision.FLOAT32);
      return delta;
    }
    for (int i = 0; i < delta.length; i++) {
      delta[i] =
          Float.intBitsToFloat(
              Float.floatToRawIntBits(tuned[i]) ^ Float.floatToRawIntBits(base[i]));
    }
    return delta;
  }

  private static String describe(DeltaCode code, long[] shape, DeltaCoding coding, INDArray base) {
    final ObjectNode json = JSON.createObjectNode();
    final var dimensions = json.putArray("shape");
    Arrays.stream(shape).forEach(dimensions::add);
    json.put("positions", code.positions().name()).put("bits", code.bits());
    json.put("count", code.count()).put("exact", coding.isExact());
    if (code.positions() == DeltaCoding.Positions.SEED) {
      json.put("density", code.density()).put("key", Long.toHexString(code.key()));
    } else if (code.positions() == DeltaCoding.Positions.GAPS) {
      json.put("rice", code.parameter());
    }
    json.put("base_sha256", sha256(Floats.toArray(base)));
    return json.toString();
  }

  private static String sha256(float[] values) {
    final MessageDigest digest = Hashes.sha256();
    final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (float v : values) {
      if (!bytes.hasRemaining()) {
        digest.update(bytes.flip());
        bytes.clear();
      }
      bytes.putFloat(v);
    }
    digest.update(bytes.flip());
    return Hashes.hex(digest);
  }

  /**
   * Opens a file.
   *
   * @throws BantamException (bad input) if it is missing, damaged or of another format
   */
  public static DeltaFile open(Path path) {
    final SafetensorsFile file = SafetensorsFile.open(path);
    final DeltaFile delta = new DeltaFile(file);
    boolean complete = false;
    try {
      if (!FORMAT.equals(file.metadata().get("format"))
          || !VERSION.equals(file.metadata().get("version"))
          || !RandomMask.GENERATOR.equals(file.metadata().get("generator"))) {
        throw BantamException.badInput(
            path
                + " is no delta file that this version of Bantam reads (format "
                + FORMAT
                + ", version "
                + VERSION
                + ", generator "
                + RandomMask.GENERATOR
                + ").");
      }
      delta.index();
      complete = true;
      return delta;
    } finally {
      if (!complete) {
        file.close();
      }
    }
  }

  private void index() {
    file.metadata()
        .forEach(
            (key, text) -> {
              if (key.startsWith("delta.")) {
                try {
                  descriptions.put(key.substring("delta.".length()), JSON.readTree(text));
                } catch (JsonProcessingException e) {
                  throw damaged(key, "is no JSON");
                }
              }
            });
    names.addAll(descriptions.keySet());
    for (String entry : file.entries().keySet()) {
      final boolean part =
          List.of(VALUES, SCALE, MASK, ROWS).stream()
              .anyMatch(
                  suffix ->
                      entry.endsWith(suffix)
                          && descriptions.containsKey(
                              entry.substring(0, entry.length() - suffix.length())));
      if (!part) {
        names.add(entry);
      }
    }
  }

  /** The model that the deltas belong to. */
  public BaseModel base() {
    return new BaseModel(
        file.metadata().getOrDefault("base", ""), file.metadata().getOrDefault("base_sha256", ""));
  }

  /** Names of all tensors of the model. */
  public Set<String> names() {
    return Set.copyOf(names);
  }

  /** Shape of a tensor of the model. */
  public long[] shape(String name) {
    final JsonNode json = descriptions.get(name);
    if (json == null) {
      return file.entry(name).shape();
    }
    final long[] shape = new long[json.path("shape").size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = json.path("shape").path(i).asLong();
    }
    return shape;
  }

  /**
   * A tensor of the tuned model.
   *
   * @param base the base's tensors by name, not modified
   * @throws BantamException (bad input) if the base's tensor is not the one that the delta was
   *     taken from, or the file is damaged
   */
  public INDArray tensor(String name, Map<String, INDArray> base) {
    final JsonNode json = descriptions.get(name);
    if (json == null) {
      return file.floats(name);
    }
    final INDArray origin = base.get(name);
    if (origin == null || !Arrays.equals(origin.shape(), shape(name))) {
      throw BantamException.badInput(
          "The base of " + file.path() + " has no tensor '" + name + "' of that shape.");
    }
    final float[] values = Floats.toArray(origin);
    if (!sha256(values).equals(json.path("base_sha256").asText())) {
      throw BantamException.badInput(
          "The tensor '"
              + name
              + "' of the base is not the one that "
              + file.path()
              + " was made from (its SHA-256 differs). Find '"
              + base().name()
              + "' as it was.");
    }
    final float[] delta = code(name, json, values.length).decode();
    if (json.path("exact").asBoolean()) {
      for (int i = 0; i < values.length; i++) {
        values[i] =
            Float.intBitsToFloat(
                Float.floatToRawIntBits(values[i]) ^ Float.floatToRawIntBits(delta[i]));
      }
      return Floats.tensor(values, origin.shape());
    }
    Deltas.add(delta, values, Precision.FLOAT32);
    return Floats.tensor(delta, origin.shape());
  }

  private DeltaCode code(String name, JsonNode json, int length) {
    final long[] shape = shape(name);
    final DeltaCoding.Positions positions;
    final long key;
    try {
      positions = DeltaCoding.Positions.valueOf(json.path("positions").asText());
      key = Long.parseUnsignedLong(json.path("key").asText("0"), 16);
    } catch (IllegalArgumentException e) {
      throw damaged(name, "has unknown positions");
    }
    final int bits = json.path("bits").asInt();
    final int rice = json.path("rice").asInt();
    if ((bits != 16 && bits != 32 && (bits < 1 || bits > 8))
        || rice < 0
        || rice > RiceGaps.MAX_PARAMETER) {
      throw damaged(name, "has values of " + bits + " bits and Rice codes of " + rice);
    }
    final byte[] scale = bytes(name + SCALE);
    if (scale.length != Float.BYTES) {
      throw damaged(name, "has no scale");
    }
    final byte[] rows = bytes(name + ROWS);
    return new DeltaCode(
        length,
        shape.length == 0 ? 1 : (int) shape[shape.length - 1],
        rows.length == 0 ? null : rows,
        positions,
        json.path("density").asDouble(1),
        key,
        rice,
        json.path("count").asInt(),
        bytes(name + MASK),
        bits,
        ByteBuffer.wrap(scale).order(ByteOrder.LITTLE_ENDIAN).getFloat(),
        bytes(name + VALUES));
  }

  private byte[] bytes(String entry) {
    final SafetensorsEntry found = file.entries().get(entry);
    return found == null ? new byte[0] : file.bytes(entry);
  }

  private BantamException damaged(String name, String what) {
    return BantamException.badInput(
        file.path() + ": '" + name + "' " + what + ". The file is damaged; copy it again.");
  }

  @Override
  public void close() {
    file.close();
  }
}

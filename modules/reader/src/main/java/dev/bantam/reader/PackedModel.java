package dev.bantam.reader;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The weights of a model folder, tensor by tensor.
 *
 * <p>A folder is either packed, as Bantam writes it, or plain: {@code model.safetensors}, or {@code
 * model.safetensors.index.json} and the files it names. Opening reads and checks the headers alone;
 * a tensor's data is read, checked and restored when it is asked for, and nothing of it is kept. So
 * a model takes the memory of its largest tensor, about twice while that is being restored.
 *
 * <pre>{@code
 * try (PackedModel model = PackedModel.open(Path.of("runs/tickets/exports/rtn-int4"))) {
 *   for (String name : model.names()) {
 *     float[] weight = model.floats(name); // C order, model.shape(name)
 *   }
 * }
 * }</pre>
 *
 * <p>Several threads may read at once. An interrupt while a thread reads closes the file for all of
 * them, as {@link java.nio.channels.FileChannel} does.
 */
public final class PackedModel implements AutoCloseable {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String CONFIG = "config.json";

  /** The longest JSON file that is read, in bytes; as the longest header of a safetensors file. */
  private static final int LONGEST_TEXT = 100_000_000;

  private final Path folder;
  private final List<DataFile> files;
  private final Map<String, Stored> tensors;

  private PackedModel(Path folder, List<DataFile> files, Map<String, Stored> tensors) {
    this.folder = folder;
    this.files = files;
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * Opens a folder and checks everything but the data itself.
   *
   * @throws PackedModelException if a file is missing, damaged or of an unknown kind
   * @throws IOException if the file system fails
   */
  public static PackedModel open(Path folder) throws IOException {
    final List<DataFile> files = new ArrayList<>();
    try {
      return new PackedModel(folder, files, tensors(folder, files));
    } catch (IOException | RuntimeException | Error e) {
      for (final DataFile file : files) {
        try {
          file.close();
        } catch (IOException closing) {
          e.addSuppressed(closing);
        }
      }
      throw e;
    }
  }

  /** The tensors' names in the model's order; in a plain folder that of the header or index. */
  public Set<String> names() {
    return tensors.keySet();
  }

  /**
   * The dimensions of a tensor, none for a single number.
   *
   * @throws IllegalArgumentException if there is no such tensor, as all methods that take a name
   */
  public long[] shape(String name) {
    return tensor(name).shape();
  }

  /** The form in which a tensor is stored. */
  public Form form(String name) {
    return tensor(name).form();
  }

  /**
   * Whether {@link #floats} can give the tensor: false for integers, float64 and the like in a
   * plain folder, and true for everything in a packed one.
   */
  public boolean isFloat(String name) {
    return !(tensor(name) instanceof Dense dense) || dense.entry().type().isFloat();
  }

  /**
   * Reads a tensor and restores it, bit for bit as {@code docs/formats.md} says; F16 and BF16 are
   * widened.
   *
   * @return a new array, in C order
   * @throws PackedModelException if its data is damaged, it is not of floats, or it has more
   *     elements than an array can
   * @throws java.nio.channels.ClosedChannelException after {@link #close}
   * @throws IOException if the file system fails
   */
  public float[] floats(String name) throws IOException {
    return tensor(name).restore();
  }

  /**
   * The text of {@code config.json}: the architecture, in the terms of Hugging Face.
   *
   * @throws PackedModelException if the folder has none, or it is not UTF-8
   * @throws IOException if the file system fails
   */
  public String config() throws IOException {
    final Path path = folder.resolve(CONFIG);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(textFile(path))).toString();
    } catch (CharacterCodingException e) {
      final PackedModelException refused = Place.of(path).refuse("it is not UTF-8");
      refused.initCause(e);
      throw refused;
    }
  }

  @Override
  public void close() throws IOException {
    IOException failure = null;
    for (final DataFile file : files) {
      try {
        file.close();
      } catch (IOException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private Stored tensor(String name) {
    final Stored stored = tensors.get(name);
    if (stored == null) {
      throw new IllegalArgumentException(
          "There is no tensor '" + name + "' in " + folder + ". names() lists those there are.");
    }
    return stored;
  }

  /**
   * @param files out, those that were opened, whatever happens
   */
  private static Map<String, Stored> tensors(Path folder, List<DataFile> files) throws IOException {
    if (Files.exists(folder.resolve(SINGLE))) {
      return single(folder.resolve(SINGLE), files);
    }
    if (Files.exists(folder.resolve(INDEX))) {
      return sharded(folder, files);
    }
    throw Place.of(folder)
        .refuse(
            Files.isDirectory(folder)
                ? "the folder has neither " + SINGLE + " nor " + INDEX
                : "there is no such folder");
  }

  private static Map<String, Stored> single(Path path, List<DataFile> files) throws IOException {
    final DataFile file = opened(path, files);
    final SafetensorsHeader header = SafetensorsHeader.read(file);
    if (header.metadata().containsKey(Manifest.KEY)) {
      return Manifest.read(header, file.place());
    }
    final Map<String, Stored> tensors = new LinkedHashMap<>();
    header.entries().forEach((name, entry) -> tensors.put(name, new Dense(entry)));
    return tensors;
  }

  private static Map<String, Stored> sharded(Path folder, List<DataFile> files) throws IOException {
    final Path index = folder.resolve(INDEX);
    final Map<String, String> places = Shards.read(textFile(index), Place.of(index));
    final Map<String, SafetensorsHeader> headers = new HashMap<>();
    final Map<String, Stored> tensors = new LinkedHashMap<>();
    for (final Map.Entry<String, String> tensor : places.entrySet()) {
      final Path path = folder.resolve(tensor.getValue());
      SafetensorsHeader header = headers.get(tensor.getValue());
      if (header == null) {
        header = shard(path, places, files);
        headers.put(tensor.getValue(), header);
      }
      final Entry entry = header.entries().get(tensor.getKey());
      if (entry == null) {
        throw Place.of(path)
            .at(tensor.getKey())
            .refuse("it is not in the file in which %s places it", INDEX);
      }
      tensors.put(tensor.getKey(), new Dense(entry));
    }
    return tensors;
  }

  private static SafetensorsHeader shard(
      Path path, Map<String, String> places, List<DataFile> files) throws IOException {
    final DataFile file = opened(path, files);
    final SafetensorsHeader header = SafetensorsHeader.read(file);
    if (header.metadata().containsKey(Manifest.KEY)) {
      throw file.place().refuse("it is packed, and packed models are one file, %s", SINGLE);
    }
    final String name = path.getFileName().toString();
    for (final String entry : header.entries().keySet()) {
      if (!name.equals(places.get(entry))) {
        throw file.place()
            .at(entry)
            .refuse(
                "it is in this file, and %s places it in %s",
                INDEX, places.containsKey(entry) ? places.get(entry) : "none");
      }
    }
    return header;
  }

  private static DataFile opened(Path path, List<DataFile> files) throws IOException {
    final DataFile file = DataFile.open(path);
    files.add(file);
    return file;
  }

  private static byte[] textFile(Path path) throws IOException {
    try (DataFile file = DataFile.open(path)) {
      if (file.size() > LONGEST_TEXT) {
        throw file.place()
            .refuse(
                "%d bytes are too many for such a file; %d are read", file.size(), LONGEST_TEXT);
      }
      return file.bytes(0, (int) file.size());
    }
  }
}

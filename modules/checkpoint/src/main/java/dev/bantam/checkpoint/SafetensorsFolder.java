package dev.bantam.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.Suggestions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The weights of a model folder: {@code model.safetensors}, or the shards that {@code
 * model.safetensors.index.json} lists. Tensors are read on demand.
 */
public final class SafetensorsFolder implements WeightSource {
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  private final Path folder;
  private final Map<String, SafetensorsFile> files;
  private final Map<String, SafetensorsFile> owner;

  private SafetensorsFolder(
      Path folder, Map<String, SafetensorsFile> files, Map<String, SafetensorsFile> owner) {
    this.folder = folder;
    this.files = files;
    this.owner = Collections.unmodifiableMap(owner);
  }

  /**
   * Opens the weights of a folder. A single file wins over an index, as in Hugging Face's library.
   *
   * @throws BantamException (bad input) if there are none, or a shard is missing, malformed or
   *     outside the folder
   */
  public static SafetensorsFolder open(Path folder) {
    if (Files.isRegularFile(folder.resolve(SINGLE))) {
      final SafetensorsFile file = SafetensorsFile.open(folder.resolve(SINGLE));
      final Map<String, SafetensorsFile> owner = new LinkedHashMap<>();
      file.entries().keySet().forEach(name -> owner.put(name, file));
      return new SafetensorsFolder(folder, Map.of(SINGLE, file), owner);
    }
    if (Files.isRegularFile(folder.resolve(INDEX))) {
      return openShards(folder);
    }
    throw missing(folder);
  }

  private static BantamException missing(Path folder) {
    final Optional<Path> pickle = Pickles.find(folder);
    if (pickle.isPresent()) {
      return Pickles.refused(pickle.get());
    }
    final Path onnx = folder.resolve("model.onnx");
    return BantamException.badInput(
        folder
            + " holds neither "
            + SINGLE
            + " nor "
            + INDEX
            + ". "
            + (Files.isRegularFile(onnx)
                ? "Name the file " + onnx + "."
                : "Is it a model folder?"));
  }

  private static SafetensorsFolder openShards(Path folder) {
    final Path indexFile = folder.resolve(INDEX);
    final Problems problems = new Problems(indexFile + " cannot be used");
    final Map<String, String> shardOf = weightMap(indexFile, problems);
    for (final String shard : new TreeSet<>(shardOf.values())) {
      checkShardName(folder, shard, problems);
    }
    problems.throwIfAny();
    final Map<String, SafetensorsFile> files = new TreeMap<>();
    boolean complete = false;
    try {
      for (final String shard : new TreeSet<>(shardOf.values())) {
        files.put(shard, SafetensorsFile.open(folder.resolve(shard)));
      }
      final Map<String, SafetensorsFile> owner = owners(shardOf, files, problems);
      complete = true;
      return new SafetensorsFolder(folder, files, owner);
    } finally {
      if (!complete) {
        files.values().forEach(SafetensorsFile::close);
      }
    }
  }

  private static Map<String, String> weightMap(Path indexFile, Problems problems) {
    final JsonNode map = JsonObject.tree(indexFile).path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw BantamException.badInput(indexFile + ": key 'weight_map' is missing or empty.");
    }
    final Map<String, String> shardOf = new LinkedHashMap<>();
    map.properties()
        .forEach(
            e -> {
              if (e.getValue().isTextual()) {
                shardOf.put(e.getKey(), e.getValue().textValue());
              } else {
                problems.add("weight_map '" + e.getKey() + "' is " + e.getValue() + ", not a name");
              }
            });
    return shardOf;
  }

  private static void checkShardName(Path folder, String shard, Problems problems) {
    if (!FileNames.isPlain(shard)) {
      problems.add("the shard name '" + shard + "' leaves the folder or is not a plain file name");
    } else if (!Files.isRegularFile(folder.resolve(shard))) {
      problems.add("the shard '" + shard + "' is missing; copy it into " + folder);
    }
  }

  private static Map<String, SafetensorsFile> owners(
      Map<String, String> shardOf, Map<String, SafetensorsFile> files, Problems problems) {
    final Map<String, SafetensorsFile> owner = new LinkedHashMap<>();
    shardOf.forEach(
        (name, shard) -> {
          if (files.get(shard).entries().containsKey(name)) {
            owner.put(name, files.get(shard));
          } else {
            problems.add("'" + name + "' is not in " + shard + ", where weight_map puts it");
          }
        });
    files.forEach(
        (shard, file) -> {
          for (final String name : file.entries().keySet()) {
            if (!shard.equals(shardOf.get(name))) {
              problems.add("'" + name + "' of " + shard + " is not listed there by weight_map");
            }
          }
        });
    problems.throwIfAny();
    return owner;
  }

  @Override
  public Set<String> names() {
    return owner.keySet();
  }

  @Override
  public long[] shape(String name) {
    return entry(name).shape();
  }

  @Override
  public String unreadableType(String name) {
    final SafetensorsType type = entry(name).type();
    return type.readsAsFloat() ? "" : type.name();
  }

  /** The description of a tensor. */
  public SafetensorsEntry entry(String name) {
    return file(name).entry(name);
  }

  /** As {@link SafetensorsFile#floats}. */
  @Override
  public INDArray floats(String name) {
    return file(name).floats(name);
  }

  /** As {@link SafetensorsFile#read}: part of a tensor's bytes, by position. */
  public void read(String name, long offset, ByteBuffer target) {
    file(name).read(name, offset, target);
  }

  /** The files, in order of their names. */
  public List<Path> paths() {
    return new TreeMap<>(files).values().stream().map(SafetensorsFile::path).toList();
  }

  private SafetensorsFile file(String name) {
    final SafetensorsFile file = owner.get(name);
    if (file == null) {
      throw BantamException.badInput(
          folder
              + " has no tensor '"
              + name
              + "'. "
              + Suggestions.didYouMean(name, owner.keySet()).strip());
    }
    return file;
  }

  /** SHA-256 over the bytes of all files, in order of their names. */
  @Override
  public String sha256() {
    final MessageDigest digest = Hashes.sha256();
    final List<SafetensorsFile> sorted = new ArrayList<>(new TreeMap<>(files).values());
    for (final SafetensorsFile file : sorted) {
      try {
        Hashes.update(digest, file.path());
      } catch (IOException e) {
        throw BantamException.badInput("Cannot read " + file.path() + ": " + e.getMessage(), e);
      }
    }
    return Hashes.hex(digest);
  }

  @Override
  public void close() {
    files.values().forEach(SafetensorsFile::close);
  }
}

package dev.bantam.deltamerging;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsLayout;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The files of a merged model, laid out before the first tensor is written. */
final class OutputShards {
  private final List<SafetensorsLayout> files = new ArrayList<>();
  private final Map<String, Integer> fileOf = new LinkedHashMap<>();

  /**
   * @param tensors in the order of the files
   * @param most bytes of the tensors of a file, if there are several
   */
  OutputShards(List<OutputTensor> tensors, long most) {
    final List<List<SafetensorsLayout.Slot>> slots = new ArrayList<>();
    long filled = Long.MAX_VALUE;
    for (OutputTensor t : tensors) {
      if (filled > most - t.bytes()) {
        slots.add(new ArrayList<>());
        filled = 0;
      }
      filled += t.bytes();
      fileOf.put(t.name(), slots.size() - 1);
      slots
          .get(slots.size() - 1)
          .add(new SafetensorsLayout.Slot(t.name(), t.type(), t.shape(), 0, t.bytes()));
    }
    slots.forEach(s -> files.add(SafetensorsLayout.of(Map.of("format", "pt"), s)));
  }

  int count() {
    return files.size();
  }

  /** Bytes of all files. */
  long bytes() {
    return files.stream().mapToLong(SafetensorsLayout::bytes).sum();
  }

  private String name(int file) {
    return files.size() == 1
        ? "model.safetensors"
        : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", file + 1, files.size());
  }

  /** The file that a tensor is in. */
  int file(String tensor) {
    return fileOf.get(tensor);
  }

  /** Where a tensor begins in its file. */
  long begin(String tensor) {
    return files.get(file(tensor)).slot(tensor).begin();
  }

  /**
   * Opens all files, new or as they are.
   *
   * @param channels out; the caller closes what is in it, also after an error
   */
  void open(Path folder, List<FileChannel> channels) throws IOException {
    for (int f = 0; f < files.size(); f++) {
      channels.add(
          FileChannel.open(
              folder.resolve(name(f)),
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE));
    }
  }

  /** Whether all files have their length and header already. */
  boolean areIntact(List<FileChannel> channels) throws IOException {
    boolean intact = true;
    for (int f = 0; f < channels.size(); f++) {
      final ByteBuffer header = ByteBuffer.wrap(files.get(f).header());
      final ByteBuffer found = ByteBuffer.allocate(header.capacity());
      while (found.hasRemaining() && channels.get(f).read(found, found.position()) >= 0) {
        continue; // to the end
      }
      intact &= channels.get(f).size() == files.get(f).bytes() && header.equals(found.flip());
    }
    return intact;
  }

  /** Files of their full length, with their headers; the rest comes in any order. */
  void prepare(List<FileChannel> channels) throws IOException {
    for (int f = 0; f < files.size(); f++) {
      final FileChannel channel = channels.get(f);
      final long bytes = files.get(f).bytes();
      if (channel.size() > bytes) {
        channel.truncate(bytes);
      } else if (channel.size() < bytes) {
        channel.write(ByteBuffer.allocate(1), bytes - 1);
      }
      channel.write(ByteBuffer.wrap(files.get(f).header()), 0);
    }
  }

  /**
   * The index that several files need.
   *
   * @param bytes of all tensors
   */
  void writeIndex(Path folder, long bytes) {
    if (files.size() == 1) {
      return;
    }
    final ObjectNode index = new ObjectMapper().createObjectNode();
    index.putObject("metadata").put("total_size", bytes);
    final ObjectNode map = index.putObject("weight_map");
    new TreeMap<>(fileOf).forEach((tensor, file) -> map.put(tensor, name(file)));
    OutputFiles.write(folder.resolve("model.safetensors.index.json"), index);
  }
}

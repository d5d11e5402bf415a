package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever happens to a file, reading it succeeds or says what is wrong; nothing else escapes. */
class DamagedFilesTest {
  private static final int ROUNDS = 400;

  @TempDir Path temp;

  @FunctionalInterface
  private interface Reading {
    void read(byte[] bytes) throws IOException;
  }

  /** Cuts, flips, swaps and repeats bytes, mostly in the first part, where the structure is. */
  private static byte[] damaged(byte[] original, int structured, SplittableRandom random) {
    byte[] bytes = original.clone();
    final int edits = random.nextInt(1, 4);
    for (int e = 0; e < edits; e++) {
      final int at = random.nextInt(Math.min(bytes.length, structured));
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) "0123456789\"[]{},:-.\0".charAt(random.nextInt(20));
        case 2 -> bytes = Arrays.copyOf(bytes, Math.max(1, random.nextInt(bytes.length + 1)));
        default -> {
          final int from = random.nextInt(bytes.length);
          final int length = Math.min(9, bytes.length - Math.max(at, from));
          System.arraycopy(bytes, from, bytes, at, Math.max(0, length));
        }
      }
    }
    return bytes;
  }

  private static void survives(byte[] original, int structured, Reading reading)
      throws IOException {
    final SplittableRandom random = new SplittableRandom(20260101);
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      final byte[] bytes = damaged(original, structured, random);
      try {
        reading.read(bytes);
      } catch (BantamException e) {
        assertTrue(e.getMessage().length() > 20, e.getMessage());
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError("round " + round, e);
      }
    }
    assertTrue(refused > ROUNDS / 10, refused + " refused");
  }

  @Test
  void safetensors() throws IOException {
    final Path folder =
        Cases.copy(
            Cases.folder("encoders/bert-storage-variants/plain"), temp.resolve("safetensors"));
    final Path file = folder.resolve("model.safetensors");
    survives(
        Files.readAllBytes(file),
        4300,
        bytes -> {
          Files.write(file, bytes);
          HuggingFaceFolder.read(folder, Progress.NONE);
        });
  }

  @Test
  void configuration() throws IOException {
    final Path folder =
        Cases.copy(Cases.folder("encoders/bert-storage-variants/plain"), temp.resolve("config"));
    final Path file = folder.resolve("config.json");
    survives(
        Files.readAllBytes(file),
        Integer.MAX_VALUE,
        bytes -> {
          Files.write(file, bytes);
          HuggingFaceFolder.read(folder, Progress.NONE);
        });
  }

  @Test
  void index() throws IOException {
    final Path folder =
        Cases.copy(Cases.folder("encoders/bert-storage-variants/sharded"), temp.resolve("index"));
    final Path file = folder.resolve("model.safetensors.index.json");
    survives(
        Files.readAllBytes(file),
        Integer.MAX_VALUE,
        bytes -> {
          Files.write(file, bytes);
          HuggingFaceFolder.read(folder, Progress.NONE);
        });
  }

  @Test
  void onnx() throws IOException {
    final byte[] original =
        Files.readAllBytes(Cases.folder("quantization/onnx-tiny-bert-s1/fp32.onnx"));
    survives(
        original,
        original.length,
        bytes -> OnnxEncoder.read("damaged.onnx", bytes, OnnxEncoder.Beside.NOTHING));
  }

  @Test
  void tokenizer() throws IOException {
    final byte[] original =
        Files.readAllBytes(Cases.folder("tokenizers/wordpiece-uncased/tokenizer.json"));
    survives(
        original,
        1200,
        bytes -> new HuggingFaceTokenizer("damaged.json", bytes).encode("a text", 16));
  }
}

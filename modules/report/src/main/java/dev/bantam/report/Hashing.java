package dev.bantam.report;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256. */
final class Hashing {
  private Hashing() {}

  static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Lower-case hex. */
  static String ofFile(Path file) {
    try {
      return HexFormat.of().formatHex(sha256(Files.readAllBytes(file)));
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          "There is no file " + file + ". Is its folder the run folder of an experiment?", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }
}

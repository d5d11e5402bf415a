package dev.bantam.deltamerging;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.UnwritableException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Remembers in the work folder which tensors are on disk, so that a merge that was killed goes on.
 * A tensor is noted after its bytes were synced, several at a time. Safe for use by several
 * threads.
 */
final class MergeJournal implements AutoCloseable {
  private static final String KEY = "merge.key";
  private static final String DONE = "done";

  /** Bytes that may be written again after a kill. */
  private static final long SYNC_BYTES = 32L << 20;

  private final Path folder;
  private final FileChannel journal;
  private final Set<String> done = new HashSet<>();
  private final ReentrantLock syncing = new ReentrantLock();
  private final Map<String, FileChannel> pending = new LinkedHashMap<>();
  private long pendingBytes;

  private MergeJournal(Path folder, FileChannel journal) {
    this.folder = folder;
    this.journal = journal;
  }

  /**
   * Opens the journal of a work folder, making it if it is empty.
   *
   * @param key lines {@code what: value} of everything the result depends on
   * @param fresh whether another merge in the folder is given up
   * @throws BantamException (resume mismatch) if the folder belongs to another merge, naming what
   *     differs
   */
  static MergeJournal open(Path folder, Map<String, String> key, boolean fresh) {
    final Path keyFile = folder.resolve(KEY);
    try {
      final FileChannel channel = locked(folder);
      final List<String> different =
          Files.exists(keyFile)
              ? different(Files.readAllLines(keyFile, StandardCharsets.UTF_8), key)
              : List.of();
      if (!different.isEmpty() && !fresh) {
        channel.close();
        throw mismatch(folder, different);
      }
      if (!different.isEmpty() || !Files.exists(keyFile)) {
        channel.truncate(0);
        final StringBuilder text = new StringBuilder();
        key.forEach((what, value) -> text.append(what).append(": ").append(value).append('\n'));
        AtomicFiles.write(keyFile, text.toString());
      }
      final MergeJournal journal = new MergeJournal(folder, channel);
      journal.read();
      return journal;
    } catch (IOException e) {
      throw UnwritableException.of(folder, e);
    }
  }

  /** The system frees the lock when a process dies. */
  private static FileChannel locked(Path folder) throws IOException {
    final FileChannel channel =
        FileChannel.open(
            folder.resolve(DONE),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null; // of this process
    }
    if (lock == null) {
      channel.close();
      throw new BantamException(
          ExitCode.RESUME_MISMATCH,
          "Another merge is at work in "
              + folder
              + ". Wait until it has ended, or choose another folder with -o.");
    }
    return channel;
  }

  private static List<String> different(List<String> lines, Map<String, String> key) {
    final List<String> different = new ArrayList<>();
    key.forEach(
        (what, value) -> {
          if (!lines.contains(what + ": " + value)) {
            different.add(what);
          }
        });
    if (different.isEmpty() && lines.size() != key.size()) {
      different.add("the number of models");
    }
    return different;
  }

  private static BantamException mismatch(Path folder, List<String> different) {
    return new BantamException(
        ExitCode.RESUME_MISMATCH,
        folder
            + " holds a merge that was stopped and differs in: "
            + String.join(", ", different)
            + ". Run that merge again to finish it, delete the folder, or add --force.");
  }

  private void read() throws IOException {
    final ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(journal.size()));
    while (all.hasRemaining() && journal.read(all) >= 0) {
      continue; // to the end
    }
    final String text = new String(all.array(), 0, all.position(), StandardCharsets.UTF_8);
    final int end = text.lastIndexOf('\n') + 1; // a line that was cut off does not count
    text.substring(0, end).lines().forEach(done::add);
    journal.position(text.substring(0, end).getBytes(StandardCharsets.UTF_8).length);
    journal.truncate(journal.position());
  }

  /** Whether a tensor is on disk. */
  synchronized boolean isDone(String tensor) {
    return done.contains(line(tensor));
  }

  /** Forgets everything; the files it speaks of are not what it thinks. */
  synchronized void forget() throws IOException {
    done.clear();
    journal.truncate(0).position(0);
  }

  /**
   * A tensor was written. Who comes while another one syncs goes on without waiting.
   *
   * @param bytes its length
   * @param file the open file that it was written to
   */
  void written(String tensor, long bytes, FileChannel file) throws IOException {
    final boolean enough;
    synchronized (this) {
      pending.put(line(tensor), file);
      pendingBytes += bytes;
      enough = pendingBytes >= SYNC_BYTES;
    }
    if (enough && syncing.tryLock()) {
      try {
        note();
      } finally {
        syncing.unlock();
      }
    }
  }

  /** Brings everything that was written to disk, and notes it. */
  void sync() throws IOException {
    syncing.lock();
    try {
      note();
    } finally {
      syncing.unlock();
    }
  }

  private void note() throws IOException {
    final Map<String, FileChannel> taken;
    synchronized (this) {
      taken = new LinkedHashMap<>(pending);
      pending.clear();
      pendingBytes = 0;
    }
    for (FileChannel file : new HashSet<>(taken.values())) {
      file.force(false);
    }
    final StringBuilder lines = new StringBuilder();
    taken.keySet().forEach(name -> lines.append(name).append('\n'));
    final ByteBuffer bytes = ByteBuffer.wrap(lines.toString().getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      journal.write(bytes);
    }
    journal.force(false);
    synchronized (this) {
      done.addAll(taken.keySet());
    }
  }

  /** A name without line breaks, and not another one's. */
  private static String line(String tensor) {
    return tensor.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
  }

  Path folder() {
    return folder;
  }

  @Override
  public void close() throws IOException {
    journal.close();
  }
}

package dev.bantam.compression;

import dev.bantam.checkpoint.StoredOperation;

/** Reads the operations of one kind. Found by {@link java.util.ServiceLoader}. */
public interface OperationFormat {
  /** The kind that it reads, as {@link Operation#kind()}. */
  String kind();

  /**
   * Makes an operation from what a file holds.
   *
   * @param stored of this kind; its tensors may be kept
   * @throws dev.bantam.tensor.BantamException (bad input) saying which attribute or tensor is
   *     missing, surplus or out of range
   */
  Operation decode(StoredOperation stored);
}
